extension ReplicaLayout {
  /// Bytes that an object of this name can have as it is stored, with room to spare: more is not read whole.
  ///
  /// The mirror makes slices of 8 MiB and parts of a base of 16 MiB. A batch may hold one long statement. An object that has
  /// none of a replica's names is not limited here.
  package static func largestObject(_ name: String) -> Int {
    if name == lease || name.hasPrefix(chain) { return 64 << 10 }
    guard name.hasPrefix(generations) || name.hasPrefix(pages) else { return 5 << 30 }
    if name.hasSuffix("/generation.txt") { return 64 << 10 }
    return name.contains("/sql/") ? 1 << 30 : 64 << 20
  }
}
