extension ReplicaLayout {
  /// Returns the maximum size of an object with this name, with a margin; larger objects are not
  /// read as a whole.
  ///
  /// The mirror makes slices of 8 MiB and parts of 16 MiB. A batch may hold one long statement.
  /// Objects with other names have no limit here.
  package static func largestObject(_ name: String) -> Int {
    if name == lease || name.hasPrefix(chain) { return 64 << 10 }
    guard name.hasPrefix(generations) || name.hasPrefix(pages) else { return 5 << 30 }
    if name.hasSuffix("/generation.txt") { return 64 << 10 }
    return name.contains("/sql/") ? 1 << 30 : 64 << 20
  }
}
