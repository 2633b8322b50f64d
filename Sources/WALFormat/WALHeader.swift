internal import Bytes

/// The two numbers that distinguish one use of a log file from the next.
package struct WALSalt: Hashable, Sendable, CustomStringConvertible {
  package var first: UInt32
  package var second: UInt32

  package init(first: UInt32, second: UInt32) {
    self.first = first
    self.second = second
  }

  /// Reads the salt in a frame's header.
  package init(ofFrame header: [UInt8]) {
    first = header.bigEndian(at: 8)
    second = header.bigEndian(at: 12)
  }

  /// 16 hexadecimal digits.
  package var description: String { Hex.fixed(first) + Hex.fixed(second) }

  /// Reads what `description` writes.
  package init?(_ text: String) {
    guard text.utf8.count == 16, let first = UInt32(text.prefix(8), radix: 16),
      let second = UInt32(text.suffix(8), radix: 16)
    else { return nil }
    self.init(first: first, second: second)
  }
}

/// The 32 bytes that begin a log (https://www.sqlite.org/fileformat2.html#wal_header_format).
///
/// Each epoch has one header: from one restart of the log to the next.
package struct WALHeader: Hashable, Sendable {
  package static let size = 32

  /// The header's bytes in the file.
  package let bytes: [UInt8]
  package let pageSize: Int
  package let salt: WALSalt
  /// The sums over the header, with which the sums of the first frame begin.
  package let checksum: WALChecksum
  /// Whether the sums read their words big-endian.
  package let bigEndian: Bool

  /// Fails (nil) for an invalid header, which ends a log like an empty file.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size else { return nil }
    // > The magic number 0x377f0682 or 0x377f0683: the lowest bit is the checksum's byte order.
    let magic: UInt32 = bytes.bigEndian(at: 0)
    guard magic & 0xffff_fffe == 0x377f_0682, bytes.bigEndian(at: 4) == UInt32(3_007_000) else { return nil }
    let pageSize = Int(bytes.bigEndian(at: 8) as UInt32)
    guard pageSize >= 512, pageSize <= 65536, pageSize & (pageSize - 1) == 0 else { return nil }
    let bigEndian = magic & 1 == 1
    var sums = WALChecksum.zero
    sums.update(bytes, 0..<24, bigEndian: bigEndian)
    guard sums == WALChecksum(at: 24, in: bytes) else { return nil }
    self.bytes = bytes
    self.pageSize = pageSize
    self.bigEndian = bigEndian
    salt = WALSalt(first: bytes.bigEndian(at: 16), second: bytes.bigEndian(at: 20))
    checksum = sums
  }

  /// Returns the header that SQLite writes with these fields; nil if there is none.
  package init?(bigEndian: Bool, pageSizeExponent: UInt8, restarts: UInt32, salt: WALSalt) {
    guard pageSizeExponent <= 16 else { return nil }
    var bytes: [UInt8] = []
    for word in [0x377f_0682 | (bigEndian ? 1 : 0), 3_007_000, 1 << UInt32(pageSizeExponent), restarts]
      as [UInt32]
    {
      bytes.appendBigEndian(word)
    }
    bytes.appendBigEndian(salt.first)
    bytes.appendBigEndian(salt.second)
    var sums = WALChecksum.zero
    sums.update(bytes, 0..<24, bigEndian: bigEndian)
    bytes.appendBigEndian(sums.first)
    bytes.appendBigEndian(sums.second)
    self.init(bytes)
  }

  /// How often the log was restarted, by its own count.
  package var restarts: UInt32 { bytes.bigEndian(at: 12) }

  /// Bytes from the start of one frame to the start of the next.
  package var frameSize: Int { WALFrame.headerSize + pageSize }

  /// Returns the offset in the file of frame `number` (from 1).
  package func offset(ofFrame number: Int) -> Int64 {
    Int64(Self.size) + Int64(number - 1) * Int64(frameSize)
  }
}
