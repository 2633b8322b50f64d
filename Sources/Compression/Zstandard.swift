package import Bytes
internal import CZstd

/// The error of damaged compressed bytes.
package struct CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
  package let cause: String
  package init(cause: String) { self.cause = cause }
  package var description: String { "decompress: \(cause)" }
}

/// Zstandard frames (RFC 8878), with libzstd.
///
/// This target wraps libzstd and liblz4, and knows no format of the replica. `PackedStream`
/// compresses what arrives, `ZstandardStream` reads and writes frames piece by piece.
package enum Zstandard {
  /// The level for statements: they have few long matches, which this level finds as well as level
  /// 3, in half the time.
  package static let textLevel: Int32 = 1

  /// Makes one frame with its content size in its header; level 1 is the fastest, 19 the smallest.
  package static func compress(_ bytes: [UInt8], level: Int32 = 3) -> [UInt8] {
    bytes.withUnsafeBytes { compress($0, level: level) }
  }

  /// Returns one frame with its content size in its header.
  package static func compress(_ bytes: ByteBuffer, level: Int32 = 3) -> [UInt8] {
    bytes.withUnsafeBytes { compress($0, level: level) }
  }

  private static func compress(_ source: UnsafeRawBufferPointer, level: Int32) -> [UInt8] {
    let bound = ZSTD_compressBound(source.count)
    // A separate array without spare room, because frames may wait for long.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: bound, alignment: 16)
    defer { scratch.deallocate() }
    let written = ZSTD_compress(scratch.baseAddress, bound, source.baseAddress, source.count, level)
    precondition(ZSTD_isError(written) == 0, "zstd refused a buffer of the size it asked for")
    return [UInt8](UnsafeRawBufferPointer(rebasing: scratch[..<written]))
  }

  /// Makes frames of `frameSize` bytes of content each, in an array whose memory is used again.
  ///
  /// Large memory that is freed and requested again piles up, or costs the system time.
  package static func compress(_ bytes: [UInt8], level: Int32, frameSize: Int, into frames: inout [UInt8]) {
    frames.removeAll(keepingCapacity: true)
    guard let context = ZSTD_createCCtx() else { preconditionFailure("out of memory") }
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    // ZSTD_c_stableInBuffer: the array does not move, so the library need not copy it piece by
    // piece and look for matches in two places. A library without it copies.
    _ = ZSTD_CCtx_setParameter(context, ZSTD_c_experimentalParam9, 1)
    let chunk = ZSTD_CStreamOutSize()
    bytes.withUnsafeBytes { source in
      withUnsafeTemporaryAllocation(byteCount: chunk, alignment: 16) { scratch in
        for start in stride(from: 0, to: max(source.count, 1), by: frameSize) {
          let count = min(frameSize, source.count - start)
          ZSTD_CCtx_setPledgedSrcSize(context, UInt64(count))
          var input = ZSTD_inBuffer(src: source.baseAddress.map { $0 + start }, size: count, pos: 0)
          var left = 1
          while left != 0 {
            var output = ZSTD_outBuffer(dst: scratch.baseAddress, size: chunk, pos: 0)
            left = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end)
            precondition(ZSTD_isError(left) == 0, "zstd refused its own settings")
            frames.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[..<output.pos]))
          }
        }
      }
    }
  }

  /// Lengths of frames that stand one after the other; those before the first that is damaged.
  package static func frameSizes(_ bytes: [UInt8]) -> [Int] {
    bytes.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return [] }
      var sizes: [Int] = []
      var at = 0
      while at < source.count {
        let size = ZSTD_findFrameCompressedSize(base + at, source.count - at)
        guard ZSTD_isError(size) == 0, size > 0 else { break }
        sizes.append(size)
        at += size
      }
      return sizes
    }
  }

  /// Returns the first `most` bytes of content, or fewer if the bytes end or are damaged before.
  package static func decompressHead(_ bytes: [UInt8], most: Int) -> [UInt8] {
    guard let stream = try? makeReader() else { return [] }
    defer { ZSTD_freeDStream(stream) }
    return [UInt8](unsafeUninitializedCapacity: most) { target, count in
      bytes.withUnsafeBytes { source in
        var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: most, pos: 0)
        while output.pos < most {
          let before = (input.pos, output.pos)
          if ZSTD_isError(ZSTD_decompressStream(stream, &output, &input)) != 0 { break }
          if before == (input.pos, output.pos) { break }
        }
        count = output.pos
      }
    }
  }

  /// Returns the content of the frames in `range`; throws if it would be longer than `limit` bytes.
  package static func decompress(
    _ bytes: [UInt8], _ range: Range<Int>, limit: Int
  ) throws(CompressionError) -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw CompressionError(cause: "range outside the object")
    }
    let stream = try makeReader()
    defer { ZSTD_freeDStream(stream) }
    var content: [UInt8] = []
    let declared = bytes.withUnsafeBytes { source -> UInt64 in
      guard let base = source.baseAddress else { return 0 }
      return ZSTD_getFrameContentSize(base + range.lowerBound, range.count)
    }
    // Unknown and error are the two largest values. A wrong declaration costs reallocations, not
    // memory: the limit follows the size of the compressed bytes.
    let most = max(range.count * 64, 1 << 16)
    content.reserveCapacity(min(declared <= UInt64(limit) ? Int(declared) : range.count * 4, limit, most))
    var failure: String?
    let chunk = max(ZSTD_DStreamOutSize(), 1 << 17)
    bytes.withUnsafeBytes { source in
      var input = ZSTD_inBuffer(
        src: source.baseAddress.map { UnsafeRawPointer($0 + range.lowerBound) }, size: range.count, pos: 0)
      var pending = 1
      withUnsafeTemporaryAllocation(byteCount: chunk, alignment: 16) { scratch in
        while input.pos < input.size || pending != 0 {
          var output = ZSTD_outBuffer(dst: scratch.baseAddress, size: chunk, pos: 0)
          let before = input.pos
          pending = ZSTD_decompressStream(stream, &output, &input)
          if ZSTD_isError(pending) != 0 {
            failure = String(cString: ZSTD_getErrorName(pending))
            return
          }
          content.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[0..<output.pos]))
          if content.count > limit {
            failure = "content is longer than \(limit) bytes"
            return
          }
          if input.pos == input.size, input.pos == before, output.pos == 0 {
            if pending != 0 { failure = "the object is cut short" }
            return
          }
        }
      }
    }
    if let failure { throw CompressionError(cause: failure) }
    return content
  }
}
