internal import Bytes

/// The 64-bit checksum of ISO 3309 as in LTX: reflected, initialized with ones, and inverted at the
/// end.
package struct CRC64: Hashable, Sendable {
  private var state = UInt64.max

  package init() {}

  /// The checksum of everything so far.
  package var value: UInt64 { ~state }

  /// Adds all of `bytes`.
  package mutating func add(_ bytes: [UInt8]) { add(bytes, 0..<bytes.count) }

  /// Adds part of an array, eight bytes at a time.
  package mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
    let tables = Self.tables
    var crc = state
    var at = range.lowerBound
    while at + 8 <= range.upperBound {
      let word = crc ^ bytes.littleEndian(UInt64.self, at: at)
      var next: UInt64 = 0
      for index in 0..<8 { next ^= tables[(7 - index) * 256 + Int((word >> UInt64(index * 8)) & 0xff)] }
      crc = next
      at += 8
    }
    while at < range.upperBound {
      crc = tables[Int((crc ^ UInt64(bytes[at])) & 0xff)] ^ (crc >> 8)
      at += 1
    }
    state = crc
  }

  /// Eight tables of 256: the effect of a byte with a number of zero bytes after it.
  private static let tables: [UInt64] = {
    var tables = [UInt64](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt64(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xd800_0000_0000_0000 : crc >> 1 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = tables[Int(before & 0xff)] ^ (before >> 8)
    }
    return tables
  }()
}
