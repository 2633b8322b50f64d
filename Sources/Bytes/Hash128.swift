internal import CKernels

/// 128-bit hash value that combines by exclusive or.
package struct Hash128: Hashable, Sendable, CustomStringConvertible {
  package var high: UInt64
  package var low: UInt64

  package static let zero = Hash128(high: 0, low: 0)

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Computes XXH3-128 of a part of an array
  /// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
  package init(_ bytes: [UInt8], _ range: Range<Int>, seed: UInt64 = 0) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    var (high, low): (UInt64, UInt64) = (0, 0)
    bytes.withUnsafeBytes { bytes in
      let start = bytes.baseAddress.map { $0 + range.lowerBound }
      ckernels_hash128(start, range.count, seed, &high, &low)
    }
    self.init(high: high, low: low)
  }

  /// Computes the same of a whole buffer.
  package init(_ buffer: ByteBuffer, seed: UInt64 = 0) {
    var (high, low): (UInt64, UInt64) = (0, 0)
    buffer.withUnsafeBytes { ckernels_hash128($0.baseAddress, $0.count, seed, &high, &low) }
    self.init(high: high, low: low)
  }

  package static func ^ (left: Hash128, right: Hash128) -> Hash128 {
    Hash128(high: left.high ^ right.high, low: left.low ^ right.low)
  }

  package static func ^= (left: inout Hash128, right: Hash128) { left = left ^ right }

  /// 32 hexadecimal digits, the high half first.
  package var description: String { Hex.fixed(high) + Hex.fixed(low) }

  /// Reads what `description` writes.
  package init?(_ text: String) {
    guard text.utf8.count == 32, let high: UInt64 = Hex.number(text.prefix(16)),
      let low: UInt64 = Hex.number(text.suffix(16))
    else { return nil }
    self.init(high: high, low: low)
  }
}

/// Hexadecimal of fixed width, lower case.
package enum Hex {
  /// Reads what `fixed` writes, and nothing else: each number has one text.
  package static func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ text: some StringProtocol, of _: Number.Type = Number.self
  ) -> Number? {
    guard text.utf8.count == MemoryLayout<Number>.size * 2 else { return nil }
    var value: Number = 0
    for byte in text.utf8 {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      default: return nil
      }
      value = value << 4 | Number(digit)
    }
    return value
  }

  package static func fixed<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: MemoryLayout<Number>.size * 2 - digits.count) + digits
  }
}
