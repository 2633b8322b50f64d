extension ReplicaLayout {
  /// Bytes that an object of this name can have as it is stored, with room to spare: more is not read whole.
  ///
  /// The mirror makes slices and parts of a base of some 16 MiB; a batch may hold one long statement. What has none of a
  /// replica's names is not limited here.
  package static func largestObject(_ name: String) -> Int {
    if name == lease { return 64 << 10 }
    if name == index { return 16 << 20 }
    guard name.hasPrefix(generations) || name.hasPrefix(pages) else { return 5 << 30 }
    if name.hasSuffix("/generation.txt") || name.hasSuffix("/complete.txt") { return 64 << 10 }
    return name.hasSuffix(".sql.zst") ? 1 << 30 : 64 << 20
  }
}
