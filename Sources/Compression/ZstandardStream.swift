package import Bytes
internal import CZstd

/// Makes one zstd frame piece by piece; memory holds the compressed bytes and a window of a few
/// megabytes.
///
/// Belongs to one thread at a time; its owner ensures that.
package final class ZstandardWriter {
  private let context: OpaquePointer
  private var output: [UInt8] = []
  private let scratch: UnsafeMutableRawBufferPointer

  package init(level: Int32 = 3) {
    guard let context = ZSTD_createCCtx() else { preconditionFailure("out of memory") }
    self.context = context
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    scratch = .allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)
  }

  deinit {
    ZSTD_freeCCtx(context)
    scratch.deallocate()
  }

  /// Compressed bytes so far; the library holds some more.
  package var count: Int { output.count }

  /// Adds part of an array.
  package func append(_ bytes: [UInt8], _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    bytes.withUnsafeBytes { feed(UnsafeRawBufferPointer(rebasing: $0[range]), ZSTD_e_continue) }
  }

  /// Adds all of a buffer.
  package func append(_ bytes: ByteBuffer) { bytes.withUnsafeBytes { feed($0, ZSTD_e_continue) } }

  /// Ends the frame and returns it; the writer can then begin another one.
  package func finish() -> [UInt8] {
    feed(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_end)
    defer { output = [] }
    return output
  }

  private func feed(_ bytes: UnsafeRawBufferPointer, _ directive: ZSTD_EndDirective) {
    var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while true {
      var out = ZSTD_outBuffer(dst: scratch.baseAddress, size: scratch.count, pos: 0)
      let left = ZSTD_compressStream2(context, &out, &input, directive)
      precondition(ZSTD_isError(left) == 0, "zstd failed on memory it was given")
      output.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[..<out.pos]))
      if directive == ZSTD_e_end ? left == 0 : input.pos == input.size { return }
    }
  }
}

/// Reads consecutive zstd frames, piece by piece.
///
/// Belongs to one thread at a time.
package final class ZstandardReader {
  private let stream: OpaquePointer
  private let bytes: [UInt8]
  private var at: Int
  private let end: Int

  /// Reads the frames in a range of an array.
  package init(_ bytes: [UInt8], _ range: Range<Int>) throws(CompressionError) {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw CompressionError(cause: "range outside the object")
    }
    stream = try Zstandard.makeReader()
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  deinit { ZSTD_freeDStream(stream) }

  /// Fills `count` bytes of an array from `index` on.
  ///
  /// Throws if a frame is damaged or ends before.
  package func read(into target: inout [UInt8], at index: Int, count: Int) throws(CompressionError) {
    precondition(index >= 0 && index + count <= target.count)
    var failure: String?
    target.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { source in
        var out = ZSTD_outBuffer(dst: target.baseAddress.map { $0 + index }, size: count, pos: 0)
        var input = ZSTD_inBuffer(src: source.baseAddress, size: end, pos: at)
        while out.pos < out.size {
          let before = (out.pos, input.pos)
          let result = ZSTD_decompressStream(stream, &out, &input)
          if ZSTD_isError(result) != 0 {
            failure = String(cString: ZSTD_getErrorName(result))
            return
          }
          // The end of a frame: the next one follows, unless the bytes end.
          if out.pos < out.size, before == (out.pos, input.pos) || result == 0 && input.pos == input.size {
            failure = "the object is cut short"
            return
          }
        }
        at = input.pos
      }
    }
    if let failure { throw CompressionError(cause: failure) }
  }
}

/// Reads consecutive zstd frames, some bytes at a time; memory holds a window of a few megabytes.
///
/// Belongs to one thread at a time.
package final class ZstandardText {
  private let stream: OpaquePointer
  /// Bytes of the frames in memory, and how many of them are used.
  private var bytes: [UInt8] = []
  private var at = 0
  private let more: () throws -> [UInt8]
  private var isAtEnd = false
  /// The number of bytes that the library still expects; 0 at the end of a frame.
  private var pending = 1
  private static let piece = 128 << 10

  /// `more` returns the next bytes of the frames, none at their end.
  package init(_ more: @escaping () throws -> [UInt8]) throws(CompressionError) {
    stream = try Zstandard.makeReader()
    self.more = more
  }

  deinit { ZSTD_freeDStream(stream) }

  /// Appends the next bytes of content to an array; returns false at the end.
  ///
  /// Throws if a frame is damaged or ends too early, and what `more` throws.
  package func read(into target: inout [UInt8]) throws -> Bool {
    while true {
      if at == bytes.count, !isAtEnd {
        bytes = try more()
        at = 0
        isAtEnd = bytes.isEmpty
      }
      if try readSome(into: &target) { return true }
      guard !isAtEnd else { return false }
    }
  }

  private func readSome(into target: inout [UInt8]) throws(CompressionError) -> Bool {
    var failure: String?
    var got = 0
    bytes.withUnsafeBytes { source in
      var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: at)
      withUnsafeTemporaryAllocation(byteCount: Self.piece, alignment: 16) { scratch in
        var out = ZSTD_outBuffer(dst: scratch.baseAddress, size: scratch.count, pos: 0)
        while out.pos < out.size, input.pos < input.size || pending != 0 {
          let before = (out.pos, input.pos)
          pending = ZSTD_decompressStream(stream, &out, &input)
          if ZSTD_isError(pending) != 0 {
            failure = String(cString: ZSTD_getErrorName(pending))
            return
          }
          guard before == (out.pos, input.pos) else { continue }
          if pending != 0, isAtEnd { failure = "the object is cut short" }
          break
        }
        got = out.pos
        target.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[..<got]))
      }
      at = input.pos
    }
    if let failure { throw CompressionError(cause: failure) }
    return got > 0
  }
}

extension Zstandard {
  /// The maximum window of a frame, as a power of two: more than any frame that is written here
  /// needs.
  private static let window: Int32 = 23

  /// Returns a reader that refuses frames which need much memory.
  static func makeReader() throws(CompressionError) -> OpaquePointer {
    guard let stream = ZSTD_createDStream() else { throw CompressionError(cause: "out of memory") }
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, window)
    return stream
  }
}
