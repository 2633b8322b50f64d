internal import CLZ4

/// LZ4 blocks without a frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md).
///
/// The library is liblz4.
package enum LZ4 {
  /// Compresses one block of up to 2 GiB.
  package static func compress(_ bytes: [UInt8]) -> [UInt8] {
    let bound = LZ4_compressBound(Int32(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(bound)) { target, count in
      let written = target.withMemoryRebound(to: CChar.self) { target in
        bytes.withUnsafeBytes { source in
          LZ4_compress_default(
            source.bindMemory(to: CChar.self).baseAddress, target.baseAddress, Int32(source.count), bound)
        }
      }
      precondition(written > 0, "lz4 refused a buffer of the size it asked for")
      count = Int(written)
    }
  }

  /// Decompresses the block in bytes `range`, whose content must have exactly `size` bytes.
  package static func decompress(
    _ bytes: [UInt8], _ range: Range<Int>, size: Int
  ) throws(CompressionError) -> [UInt8] {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count, range.count <= Int32.max, size <= Int32.max
    else { throw CompressionError(cause: "range outside the object") }
    var got: Int32 = -1
    let content = [UInt8](unsafeUninitializedCapacity: size) { target, count in
      target.withMemoryRebound(to: CChar.self) { target in
        bytes.withUnsafeBytes { source in
          got = LZ4_decompress_safe(
            UnsafeRawBufferPointer(rebasing: source[range]).bindMemory(to: CChar.self).baseAddress,
            target.baseAddress, Int32(range.count), Int32(size))
        }
      }
      count = max(Int(got), 0)
    }
    guard got >= 0 else { throw CompressionError(cause: "not an LZ4 block") }
    guard content.count == size else {
      throw CompressionError(cause: "content is \(content.count) bytes instead of \(size)")
    }
    return content
  }
}
