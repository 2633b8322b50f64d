internal import Dispatch
package import ReplicaFormat
internal import Synchronization

/// Holds the caches of a process that reads replicas page by page, and their limits.
package final class ReplicaCache {
  /// The cache on the disk; nil if there is none.
  let disk: DiskCache?
  private var maps: [String: BaseMap?] = [:]

  /// Maximum bytes of memory for frames of a base, for images of pages that slices changed, and for
  /// slices.
  let frameMemory = 44 << 20
  let imageMemory = 20 << 20
  let sliceMemory = 32 << 20

  package init(disk: DiskCache?) { self.disk = disk }

  /// A map that is being fetched in the background.
  private final class Early: Sendable {
    let bytes = Mutex<[UInt8]?>(nil)
    let group = DispatchGroup()
  }
  private var early: [String: Early] = [:]

  /// Starts fetching the map of a base while the base's manifest is read.
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
      // Read one byte more than the limit, to detect a map that is too large.
      return try? access.read(key, 0..<BaseMap.largest + 1)
    }
    while fetch.group.wait(timeout: .now() + 0.05) == .timedOut {
      guard (try? access.checkInterrupt()) != nil else { return nil }
    }
    return fetch.bytes.withLock { $0 }
  }

  /// Returns the map of a base; nil if there is no usable one.
  ///
  /// Without a map, whole parts are fetched.
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
