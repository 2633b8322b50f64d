internal import CZlib
internal import SQLite

/// `sqlar_compress(X)` and `sqlar_uncompress(X,SIZE)`: content of SQLite archives
/// (https://www.sqlite.org/sqlar.html).
enum ArchiveFunctions {
  static let all = [
    FunctionDefinition("sqlar_compress", 1, .innocuous, compress),
    FunctionDefinition("sqlar_uncompress", 2, .innocuous, uncompress),
  ]

  /// Returns a compressed blob if that is shorter, and any other value unchanged.
  @Sendable private static func compress(_ arguments: Arguments, _ result: FunctionResult) {
    let value = arguments[0]
    guard value.storageClass == .blob else { return result.set(value) }
    value.withBlob { bytes in
      var packed = [UInt8](repeating: 0, count: Int(compressBound(uLong(bytes.count))))
      var count = uLongf(packed.count)
      let source = bytes.baseAddress?.assumingMemoryBound(to: Bytef.self)
      guard CZlib.compress(&packed, &count, source, uLong(bytes.count)) == Z_OK else {
        return result.fail("error in compress()")
      }
      guard Int(count) < bytes.count else { return result.set(value) }
      packed.withUnsafeBytes { result.set(blob: UnsafeRawBufferPointer(rebasing: $0[..<Int(count)])) }
    }
  }

  /// Decompresses to this number of bytes; a value of exactly this size, or of size -1, is
  /// unchanged.
  @Sendable static func uncompress(_ arguments: Arguments, _ result: FunctionResult) {
    let size = Int(arguments[1].int32)
    arguments[0].withBlob { bytes in
      guard size != 0, size != bytes.count, size > 0 || !Dialect.current.writesLinksOver else {
        return result.set(arguments[0])
      }
      // zlib makes at most 1032 bytes from one byte. So the memory has a limit, even if the
      // declared size is wrong.
      let room = min(size, bytes.count * 1032 + 64)
      guard size > 0 else { return result.fail("error in uncompress()") }
      var content = [UInt8](repeating: 0, count: room)
      var count = uLongf(room)
      let source = bytes.baseAddress?.assumingMemoryBound(to: Bytef.self)
      guard CZlib.uncompress(&content, &count, source, uLong(bytes.count)) == Z_OK else {
        return result.fail("error in uncompress()")
      }
      content.withUnsafeBytes { result.set(blob: UnsafeRawBufferPointer(rebasing: $0[..<Int(count)])) }
    }
  }
}
