internal import Bytes
internal import WALFormat

/// Merges the slices of consecutive transactions into one object, with every commit.
///
/// Slices of the same epoch become one section, compressed again together. Each epoch has its own
/// sections. A slice that would be a section by itself is copied as it is stored.
package struct SliceMerge: Sendable {
  /// The maximum bytes of pages in one section; larger slices are copied.
  private static let sectionBytes = 16 << 20

  private let created: Int64
  private var sections: [SealedSlice] = []
  /// The slices that become one section.
  private var group: [(section: SliceSection, object: (name: String, bytes: [UInt8]))] = []
  private var groupBytes = 0

  /// Merges objects in order.
  ///
  /// `stored` is the last transaction up to which everything is stored now. Throws if an object is
  /// damaged, does not follow the one before, or is a part of a transaction.
  package static func merge(
    _ objects: [(name: String, bytes: [UInt8])], stored: UInt64, created: Int64
  ) throws(FormatError) -> (name: MergedName, bytes: [UInt8]) {
    var merge = SliceMerge(created: created)
    var first: SliceHeader?
    var last: SliceHeader?
    for object in objects {
      let reader = try SliceReader(object.bytes, object: object.name)
      guard reader.header.parts == 1,
        last == nil || reader.header.transactions.lowerBound == (last?.transactions.upperBound ?? 0) + 1
      else { throw FormatError(object.name, "it does not follow the slice before") }
      first = first ?? reader.header
      last = reader.header
      for section in reader.sections { try merge.take(section, of: object) }
    }
    try merge.endGroup()
    guard let first, let last else { throw FormatError("merge", "it has no objects") }
    let bytes = SealedSlice.object(
      merge.sections, id: last.entry.id, previous: first.entry.previous, session: 0, stored: stored)
    return (
      MergedName(first.transactions.lowerBound...last.transactions.upperBound, id: last.entry.id), bytes
    )
  }

  private init(created: Int64) { self.created = created }

  private mutating func take(
    _ section: SliceSection, of object: (name: String, bytes: [UInt8])
  ) throws(FormatError) {
    let bytes = section.header.frameCount * section.header.walHeader.pageSize
    if let last = group.last,
      !section.header.continues(last.section.header) || groupBytes + bytes > Self.sectionBytes
    {
      try endGroup()
    }
    group.append((section, object))
    groupBytes += bytes
  }

  private mutating func endGroup() throws(FormatError) {
    defer {
      group = []
      groupBytes = 0
    }
    guard let first = group.first else { return }
    if group.count == 1 {
      sections.append(
        SealedSlice(
          header: first.section.header,
          streams: Array(first.object.bytes[first.section.content.lowerBound..<first.section.end])))
      return
    }
    let builder = SliceBuilder(continuing: first.section.header)
    var scratch = [UInt8](repeating: 0, count: builder.walHeader.pageSize)
    for (section, object) in group {
      let pages = try section.pages(of: object.bytes, object: object.name)
      var commit = 0
      for frame in 0..<section.header.frameCount {
        try pages.copyNext(section.tables.pages[frame], to: builder, scratch: &scratch)
        while commit < section.commits.count, section.commits[commit].frames == frame + 1 {
          let ended = section.commits[commit]
          builder.endCommit(time: ended.time, state: ended.state, checksum: section.header.end)
          commit += 1
        }
      }
    }
    sections.append(builder.close(created: created))
  }
}
