internal import Dispatch
package import ReplicaFormat
internal import Synchronization

/// What a process keeps of replicas that it reads page by page, and how much.
package final class ReplicaCache {
  /// The cache on the disk; nil without one.
  let disk: DiskCache?
  private var maps: [String: BaseMap?] = [:]

  /// Bytes of memory for frames of a base, for pages that slices changed, and for slices.
  let frameMemory = 44 << 20
  let imageMemory = 20 << 20
  let sliceMemory = 32 << 20

  package init(disk: DiskCache?) { self.disk = disk }

  /// A map that is being fetched.
  private final class Early: Sendable {
    let bytes = Mutex<[UInt8]?>(nil)
    let group = DispatchGroup()
  }
  private var early: [String: Early] = [:]

  /// Begins to fetch the map of a base whose manifest is read now.
  package func prefetchMap(of base: BaseName, in generation: GenerationID, _ access: ReplicaAccess) {
    let key = BaseMap.key(of: base, in: generation)
    guard maps[key] == nil, early[key] == nil else { return }
    let fetch = Early()
    early[key] = fetch
    DispatchQueue.global().async(group: fetch.group) {
      let bytes = try? access.read(key, 0..<BaseMap.largest + 1)
      fetch.bytes.withLock { $0 = bytes }
    }
  }

  private func bytes(_ key: String, _ access: ReplicaAccess) -> [UInt8]? {
    guard let fetch = early.removeValue(forKey: key) else {
      // One byte more than is believed shows that there is more.
      return try? access.read(key, 0..<BaseMap.largest + 1)
    }
    while fetch.group.wait(timeout: .now() + 0.05) == .timedOut {
      guard (try? access.checkInterrupt()) != nil else { return nil }
    }
    return fetch.bytes.withLock { $0 }
  }

  /// The map of a base; nil if there is none, or none that can be used: then whole parts are fetched.
  func map(of manifest: BaseManifest, _ access: ReplicaAccess) -> BaseMap? {
    let key = BaseMap.key(of: manifest.name, in: manifest.generation)
    if let known = maps[key] { return known }
    let map = bytes(key, access).flatMap {
      $0.count <= BaseMap.largest ? try? BaseMap($0, of: manifest, object: key) : nil
    }
    maps[key] = .some(map)
    return map
  }
}
