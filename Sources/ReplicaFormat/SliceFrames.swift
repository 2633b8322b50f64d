internal import Bytes
internal import Compression
package import WALFormat

/// The frames of an object of a slice in any order, for a reader of single pages.
///
/// `SliceReader` gives all frames in order and proves the log's checksums with them. This type needs only the frames
/// that it is asked for. The hashes of the sections prove them. Belongs to one thread at a time.
package final class SliceFrames {
  package let header: SliceHeader
  package let commits: [SliceCommit]
  /// The position of the last frame in the log.
  package let endPosition: WALPosition
  private let object: String
  private let bytes: [UInt8]
  private let sections: [SliceSection]
  /// Number of the first frame of each section within the object.
  private var starts: [Int] = []
  private var contents: [Content?]

  /// The decompressed streams of a section, and the position of each frame in them.
  private struct Content {
    var streams: [[UInt8]] = []
    /// Offset in the frame's stream; of a difference, of its first literal.
    var offsets: [Int] = []
    /// Offset of the operations in the tables; 0 for whole pages.
    var operations: [Int] = []
  }

  /// Takes over a checked object.
  package init(_ reader: SliceReader) {
    header = reader.header
    commits = reader.commits
    endPosition = reader.endPosition
    object = reader.object
    bytes = reader.bytes
    sections = reader.sections
    contents = Array(repeating: nil, count: sections.count)
    var start = 0
    for section in sections {
      starts.append(start)
      start += section.header.frameCount
    }
  }

  /// Bytes of memory that it uses, without decompressed streams.
  package var storedBytes: Int { bytes.count }
  /// Bytes of decompressed streams in memory.
  package private(set) var decodedBytes = 0

  /// Calls `body` with the page number of each frame and whether it is stored whole, in order.
  package func forEachFrame(_ body: (_ frame: Int, _ page: UInt32, _ isWhole: Bool) -> Void) {
    for (index, section) in sections.enumerated() {
      for frame in 0..<section.header.frameCount {
        body(starts[index] + frame, section.tables.pages[frame], !section.tables.kinds[frame].needsBase)
      }
    }
  }

  /// Returns the page of a frame.
  ///
  /// `base` is the page's image before, which differences need.
  package func page(_ frame: Int, base: [UInt8]?) throws(FormatError) -> [UInt8] {
    guard let index = starts.lastIndex(where: { $0 <= frame }) else {
      throw FormatError(object, "it has no frame \(frame)")
    }
    let (section, local) = (sections[index], frame - starts[index])
    guard local >= 0, local < section.header.frameCount else {
      throw FormatError(object, "it has no frame \(frame)")
    }
    let content = try content(index)
    let pageSize = section.header.walHeader.pageSize
    let kind = section.tables.kinds[local]
    let stream = content.streams[kind.stream.rawValue]
    let offset = content.offsets[local]
    guard kind.needsBase else {
      guard offset + pageSize <= stream.count else { throw FormatError(object, "the object is cut short") }
      return Array(stream[offset..<offset + pageSize])
    }
    guard var page = base, let base, base.count == pageSize else {
      throw FormatError(object, "a difference from nothing")
    }
    var cursor = FieldCursor(
      section.tables.bytes, content.operations[local]..<section.tables.operations.upperBound)
    let difference = try StoredDifference(&cursor, pageSize: pageSize, object: object)
    guard offset + difference.literalCount <= stream.count else {
      throw FormatError(object, "the object is cut short")
    }
    difference.apply(to: &page, at: 0, base: (base, 0), literals: stream, from: offset)
    return page
  }

  /// Frees decompressed streams; they are decompressed again when they are needed.
  package func forget() {
    contents = Array(repeating: nil, count: sections.count)
    decodedBytes = 0
  }

  /// Bytes of decompressed streams that a section may have: the mirror makes sections of 16 MiB of pages.
  private static let largestContent = 96 << 20

  private func content(_ index: Int) throws(FormatError) -> Content {
    if let known = contents[index] { return known }
    let section = sections[index]
    let pageSize = section.header.walHeader.pageSize
    var content = Content()
    var ends = [0, 0, 0]
    var cursor = FieldCursor(section.tables.bytes, section.tables.operations)
    content.offsets.reserveCapacity(section.header.frameCount)
    content.operations.reserveCapacity(section.header.frameCount)
    for kind in section.tables.kinds {
      content.offsets.append(ends[kind.stream.rawValue])
      content.operations.append(kind.needsBase ? cursor.at : 0)
      let size =
        kind.needsBase
        ? try StoredDifference(&cursor, pageSize: pageSize, object: object).literalCount : pageSize
      ends[kind.stream.rawValue] += size
    }
    let total = ends.reduce(0, +)
    guard total <= Self.largestContent else {
      throw FormatError(object, "its pages take \(total) bytes, more than a slice can have")
    }
    let stored = section.header.content
    for stream in 0..<ends.count {
      let range = stored.range(stream, from: section.content.lowerBound)
      content.streams.append(try self.stream(range, stored.isCompressed(stream), count: ends[stream]))
    }
    contents[index] = content
    decodedBytes += total
    return content
  }

  private func stream(_ range: Range<Int>, _ isCompressed: Bool, count: Int) throws(FormatError) -> [UInt8] {
    var content = [UInt8](repeating: 0, count: count)
    do throws(CompressionError) {
      try PackedReader(bytes, range, isCompressed: isCompressed).read(into: &content, at: 0, count: count)
    } catch {
      throw FormatError(object, error.cause)
    }
    return content
  }
}
