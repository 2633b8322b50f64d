package import ReplicaCatalog
internal import ReplicaFormat

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

  /// Whether the map with a key was read already, or found to be of no use.
  package func knowsMap(_ key: String) -> Bool { maps[key] != nil }

  /// Whether the cache on the disk has an object of the replica at a URL.
  package func isKept(_ object: ChainObject, of url: String) -> Bool {
    disk?.contains(SliceFetch.key(url, object)) == true
  }

  /// Returns the map of a base; nil if there is no usable one.
  ///
  /// Without a map, whole parts are fetched.
  func map(of manifest: BaseManifest, _ access: ReplicaAccess) -> BaseMap? {
    let key = BaseMap.key(of: manifest.name, in: manifest.generation)
    if let known = maps[key] { return known }
    // One byte more than is believed shows that there is more.
    let bytes = try? access.read(key, 0..<BaseMap.largest + 1)
    let map = bytes.flatMap {
      $0.count <= BaseMap.largest ? try? BaseMap($0, of: manifest, object: key) : nil
    }
    maps[key] = .some(map)
    return map
  }
}
