import Compression
import Bytes
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Collects the map of a base while its parts are made, and stores the map after the manifest.
///
/// The threads that make parts may call it. A map is only a cache for readers, so its failures are
/// ignored.
final class BaseMapBuilder: Sendable {
  private let store: any ObjectStore
  private let pageSize: Int
  private let memory: Memory
  private let map = Mutex(BaseMap())
  /// Frames of an earlier base's parts, by the names of the parts; nil until they are needed.
  private let earlier = Mutex<[String: [BaseMap.Frame]]?>(nil)

  /// Maximum bytes of interior pages in a map; readers find further ones in the parts.
  private static let mostPages = 8 << 20

  /// Keeps the frames of parts that this mirror has stored itself.
  final class Memory: Sendable {
    fileprivate let frames = Mutex<[String: [BaseMap.Frame]]>([:])
    /// The maximum number of parts.
    fileprivate static let most = 100_000
  }

  init(_ store: any ObjectStore, pageSize: Int, memory: Memory) {
    self.store = store
    self.pageSize = pageSize
    self.memory = memory
  }

  /// Keeps the interior pages of a run; runs must come in the order of pages.
  func take(_ pages: [UInt8], first: UInt32, count: Int) {
    for number in 0..<count {
      let page = first + UInt32(number)
      guard page == 1 || BaseMap.isInterior(pages, at: number * pageSize, number: page) else { continue }
      map.withLock { map in
        guard (map.pages.count + 1) * pageSize <= Self.mostPages else { return }
        map.pages.append((page, Array(pages[number * pageSize..<(number + 1) * pageSize])))
      }
    }
  }

  /// Records the frames of a part that was just compressed.
  func note(_ digest: String, pages: [UInt8], frames bytes: [UInt8]) {
    let sizes = Zstandard.frameSizes(bytes)
    let starts = stride(from: 0, to: pages.count, by: BaseMap.frameBytes)
    let frames = zip(starts, sizes).map { start, size in
      BaseMap.Frame(
        size: size, hash: Hash128(pages, start..<min(start + BaseMap.frameBytes, pages.count)).low)
    }
    map.withLock { $0.frames[digest] = frames }
    memory.frames.withLock { if $0.count < Memory.most { $0[digest] = frames } }
  }

  /// Records the frames of a part that the replica has already.
  func note(known digest: String) {
    let frames =
      memory.frames.withLock { $0[digest] }
      ?? earlier.withLock { earlier in
        let found = earlier ?? framesOfEarlierMaps()
        earlier = found
        return found[digest]
      }
    if let frames { map.withLock { $0.frames[digest] = frames } }
  }

  /// Returns the frames in the newest maps of the last two generations.
  private func framesOfEarlierMaps() -> [String: [BaseMap.Frame]] {
    var found: [String: [BaseMap.Frame]] = [:]
    let catalog = ReplicaCatalog(store)
    guard let generations = try? catalog.folders().suffix(2) else { return found }
    for generation in generations {
      let listed = (try? store.listAll(prefix: ReplicaLayout.bases(generation))) ?? []
      guard let key = listed.last(where: { BaseMap.base(key: $0.key.name) != nil })?.key,
        let base = BaseMap.base(key: key.name), let manifest = try? catalog.manifest(generation, base),
        let bytes = try? store.get(key, range: nil).bytes,
        let map = try? BaseMap(bytes, of: manifest, object: key.name)
      else { continue }
      found.merge(map.frames) { first, _ in first }
    }
    return found
  }

  /// Stores the map beside a manifest, with one attempt.
  func store(beside manifest: BaseManifest) {
    guard let key = try? ObjectKey(BaseMap.key(of: manifest.name, in: manifest.generation)) else { return }
    _ = try? store.put(key, map.withLock { $0.bytes }, .always)
  }
}
