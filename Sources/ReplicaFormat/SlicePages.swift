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
    var taken = 0
    for operation in difference.operations {
      let at = index + operation.at
      if operation.distance != 0 {
        let from = base.index + operation.at + operation.distance
        Kernels.copy(into: &target, at: at, from: base.bytes, at: from, count: operation.count)
        continue
      }
      Kernels.copy(into: &target, at: at, from: literals, at: taken, count: operation.count)
      taken += operation.count
    }
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
        page, kind, operations: tables.bytes, difference.bytes, literals: literals, count: difference.literals
      )
      return
    }
    try next(into: &scratch, at: 0, base: nil)
    builder.addStored(page, scratch)
  }

  private struct Operation {
    /// Offset in the page, number of bytes, and their distance in the image before; 0 if they are
    /// new.
    let at: Int
    let count: Int
    let distance: Int
  }

  /// Reads and checks the operations of a frame, and takes their literals.
  private func nextDifference() throws(FormatError) -> (
    operations: [Operation], bytes: Range<Int>, literals: Int
  ) {
    let damage = FormatError(object, "a difference is damaged")
    let start = operations.at
    guard let count = operations.varint(UInt32.self), count <= operations.left else { throw damage }
    var found: [Operation] = []
    found.reserveCapacity(Int(count))
    var at = 0
    var new = 0
    for _ in 0..<count {
      guard let skipped = operations.varint(UInt32.self), let field = operations.varint(UInt32.self) else {
        throw damage
      }
      at += Int(skipped)
      let length = Int(field >> 1)
      var distance = 0
      guard at + length <= pageSize else { throw damage }
      if field & 1 == 1 {
        guard let told = operations.signedVarint(), told != 0, told.magnitude < pageSize else { throw damage }
        distance = Int(told)
        guard at + distance >= 0, at + distance + length <= pageSize else { throw damage }
      } else {
        new += length
      }
      found.append(Operation(at: at, count: length, distance: distance))
      at += length
    }
    try read(streams[SliceStream.literals.rawValue], into: &literals, at: 0, count: new)
    return (found, start..<operations.at, new)
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
