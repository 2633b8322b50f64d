package import Bytes
internal import CZstd

/// Bytes that become a zstd frame, or stay plain if that is shorter.
///
/// Short content is compressed at its end, with tables that fit it. Long content is compressed
/// while it arrives, so memory holds the compressed bytes and a window. Belongs to one thread at a
/// time.
package final class PackedStream {
  /// Add bytes here, and call `settle` afterwards.
  package let buffer: ByteBuffer
  private let level: Int32
  private var writer: ZstandardWriter?
  /// The maximum bytes that are compressed at the end.
  private static let mostAtOnce = 256 << 10
  /// A frame adds at least 9 bytes.
  private static let leastAtOnce = 40

  package init(level: Int32 = 3) {
    self.level = level
    buffer = ByteBuffer(capacity: 256)
  }

  /// The approximate size.
  package var count: Int { (writer?.count ?? 0) + buffer.count }

  /// Adds a part of an array.
  package func append(_ bytes: [UInt8], _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    bytes.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { buffer.append(start + range.lowerBound, range.count) }
    }
    settle()
  }

  /// Makes room in the buffer if it is full.
  @inline(__always) package func settle() { if buffer.count >= Self.mostAtOnce { compress() } }

  private func compress() {
    let writer = writer ?? ZstandardWriter(level: level)
    self.writer = writer
    writer.append(buffer)
    buffer.removeAll()
  }

  /// Returns everything, and whether it is a zstd frame; the stream is empty afterwards.
  package func finish() -> (bytes: [UInt8], isCompressed: Bool) {
    defer {
      writer = nil
      buffer.removeAll()
    }
    if writer != nil {
      compress()
      return (writer?.finish() ?? [], true)
    }
    guard buffer.count >= Self.leastAtOnce else { return (buffer.bytes, false) }
    let packed = Zstandard.compress(buffer, level: level)
    return packed.count < buffer.count ? (packed, true) : (buffer.bytes, false)
  }
}

/// Reads what a `PackedStream` made, piece by piece.
///
/// Belongs to one thread at a time.
package final class PackedReader {
  private let bytes: [UInt8]
  private var at: Int
  private let end: Int
  /// Nil if the bytes are plain.
  private let frame: ZstandardReader?

  /// Reads the stream in a range of an array.
  package init(_ bytes: [UInt8], _ range: Range<Int>, isCompressed: Bool) throws(CompressionError) {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw CompressionError(cause: "range outside the object")
    }
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
    frame = isCompressed ? try ZstandardReader(bytes, range) : nil
  }

  /// Fills `count` bytes of an array from `index` on.
  ///
  /// Throws if the stream is damaged or ends before.
  package func read(into target: inout [UInt8], at index: Int, count: Int) throws(CompressionError) {
    if let frame { return try frame.read(into: &target, at: index, count: count) }
    guard count <= end - at else { throw CompressionError(cause: "the object is cut short") }
    Kernels.copy(into: &target, at: index, from: bytes, at: at, count: count)
    at += count
  }
}
