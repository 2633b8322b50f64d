internal import Bytes
internal import Compression
internal import WALFormat

/// Decodes the pages of one section, frame by frame.
///
/// Belongs to one thread at a time.
final class SlicePages {
  private let object: String
  private let pageSize: Int
  private let tables: SliceTables
  /// The streams before the tables.
  private let streams: [PackedReader]
  private var operations: FieldCursor
  private var literals: [UInt8]
  private var frame = 0

  init(
    _ bytes: [UInt8], _ header: SliceHeader, _ tables: SliceTables, at start: Int, object: String
  ) throws(FormatError) {
    let content = header.content
    var streams: [PackedReader] = []
    do throws(CompressionError) {
      for stream in 0..<content.tables {
        streams.append(
          try PackedReader(
            bytes, content.range(stream, from: start), isCompressed: content.isCompressed(stream)))
      }
    } catch {
      throw FormatError(object, error.cause)
    }
    self.object = object
    pageSize = header.walHeader.pageSize
    self.tables = tables
    self.streams = streams
    operations = FieldCursor(tables.bytes, tables.operations)
    literals = [UInt8](repeating: 0, count: pageSize)
  }

  /// Writes the page of the next frame at `index` of `target`; `base` is its image before.
  func next(into target: inout [UInt8], at index: Int, base: (bytes: [UInt8], index: Int)?)
    throws(FormatError)
  {
    let kind = tables.kinds[frame]
    frame += 1
    guard kind.needsBase else {
      return try read(streams[kind.stream.rawValue], into: &target, at: index, count: pageSize)
    }
    guard let base else { throw FormatError(object, "a difference from nothing") }
    Kernels.copy(into: &target, at: index, from: base.bytes, at: base.index, count: pageSize)
    let difference = try nextDifference()
    difference.apply(to: &target, at: index, base: base, literals: literals, from: 0)
  }

  /// Skips the page of the next frame; `scratch` holds a page.
  func skip(scratch: inout [UInt8]) throws(FormatError) {
    guard tables.kinds[frame].needsBase else { return try next(into: &scratch, at: 0, base: nil) }
    frame += 1
    _ = try nextDifference()
  }

  /// Adds the page of the next frame to another slice in its stored form; `scratch` holds a page.
  func copyNext(_ page: UInt32, to builder: SliceBuilder, scratch: inout [UInt8]) throws(FormatError) {
    let kind = tables.kinds[frame]
    if kind.needsBase {
      frame += 1
      let difference = try nextDifference()
      builder.addStored(
        page, kind, operations: tables.bytes, difference.bytes, literals: literals,
        count: difference.literalCount
      )
      return
    }
    try next(into: &scratch, at: 0, base: nil)
    builder.addStored(page, scratch)
  }

  /// Takes the operations of a frame, checked, and their literals.
  private func nextDifference() throws(FormatError) -> StoredDifference {
    let difference = try StoredDifference(&operations, pageSize: pageSize, object: object)
    try read(
      streams[SliceStream.literals.rawValue], into: &literals, at: 0, count: difference.literalCount)
    return difference
  }

  private func read(
    _ stream: PackedReader, into target: inout [UInt8], at index: Int, count: Int
  ) throws(FormatError) {
    do throws(CompressionError) {
      try stream.read(into: &target, at: index, count: count)
    } catch {
      throw FormatError(object, error.cause)
    }
  }
}
