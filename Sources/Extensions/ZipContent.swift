internal import CZlib

/// The stored content of a member of a ZIP archive.
struct ZipContent {
  /// Empty content, as for a folder.
  static let empty = ZipContent(method: 0, checksum: 0, stored: [], size: 0)

  let method: UInt16
  let checksum: UInt32
  let stored: [UInt8]
  let size: Int

  private init(method: UInt16, checksum: UInt32, stored: [UInt8], size: Int) {
    self.method = method
    self.checksum = checksum
    self.stored = stored
    self.size = size
  }

  /// Compresses content; without a given method, only if that is shorter.
  init?(_ bytes: UnsafeRawBufferPointer, method: Int32?) {
    size = bytes.count
    checksum = UInt32(
      truncatingIfNeeded: crc32(0, bytes.baseAddress?.assumingMemoryBound(to: Bytef.self), uInt(bytes.count)))
    if method != 0 {
      guard let packed = Self.deflated(bytes) else { return nil }
      if method != nil || packed.count < bytes.count {
        self.method = 8
        stored = packed
        return
      }
    }
    self.method = 0
    stored = Array(bytes)
  }

  /// Returns the bytes as a raw deflate stream; nil if zlib fails.
  private static func deflated(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    guard deflateInit2_(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
      return nil
    }
    defer { deflateEnd(&stream) }
    let room = Int(deflateBound(&stream, uLong(bytes.count)))
    var isDone = false
    let packed = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: Bytef.self))
      stream.avail_in = uInt(bytes.count)
      stream.next_out = buffer.baseAddress
      stream.avail_out = uInt(room)
      isDone = deflate(&stream, Z_FINISH) == Z_STREAM_END
      count = Int(stream.total_out)
    }
    return isDone ? packed : nil
  }

  /// Decompresses a raw deflate stream, whose content must have `size` bytes.
  static func inflated(_ bytes: [UInt8], size: Int) throws(ZipError) -> [UInt8] {
    var stream = z_stream()
    let opened = inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard opened == Z_OK else { throw ZipError("inflateInit2() failed (\(opened))") }
    defer { inflateEnd(&stream) }
    // zlib makes at most 1032 bytes from one byte. So the memory has a limit, even if the declared
    // size is wrong.
    let room = min(size, bytes.count * 1032 + 64)
    var code: Int32 = Z_OK
    let content = bytes.withUnsafeBytes { bytes in
      [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        stream.next_in = UnsafeMutablePointer(
          mutating: bytes.baseAddress?.assumingMemoryBound(to: Bytef.self))
        stream.avail_in = uInt(bytes.count)
        stream.next_out = buffer.baseAddress
        stream.avail_out = uInt(room)
        code = inflate(&stream, Z_NO_FLUSH)
        count = Int(stream.total_out)
      }
    }
    guard code == Z_STREAM_END else { throw ZipError("inflate() failed (\(code))") }
    guard content.count == size else {
      throw ZipError("inflate() gave \(content.count) bytes instead of \(size)")
    }
    return content
  }
}
