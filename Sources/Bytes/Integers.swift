/// Fixed-width integers in byte arrays, at any alignment.
///
/// An index outside of the array traps.
extension Array where Element == UInt8 {
  @inlinable package func littleEndian<Number: FixedWidthInteger>(_: Number.Type = Number.self, at index: Int)
    -> Number
  {
    Number(littleEndian: load(at: index))
  }

  @inlinable package func bigEndian<Number: FixedWidthInteger>(_: Number.Type = Number.self, at index: Int)
    -> Number
  {
    Number(bigEndian: load(at: index))
  }

  @inlinable package mutating func appendLittleEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  @inlinable package mutating func appendBigEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  @inlinable package mutating func storeBigEndian<Number: FixedWidthInteger>(_ value: Number, at index: Int) {
    precondition(index >= 0 && index + MemoryLayout<Number>.size <= count)
    withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: index, as: Number.self) }
  }

  @inlinable @inline(__always) func load<Number: FixedWidthInteger>(at index: Int) -> Number {
    precondition(index >= 0 && index + MemoryLayout<Number>.size <= count)
    return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index, as: Number.self) }
  }
}

extension Array where Element == UInt8 {
  /// Appends a number in decimal.
  package mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(decimal: value.magnitude)
  }

  /// Appends a number in decimal.
  package mutating func append(decimal value: UInt64) {
    var rest = value
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var at = digits.count
      repeat {
        at -= 1
        digits[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
    }
  }

  package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  /// Appends a number in hexadecimal, all digits, lower case.
  @inlinable package mutating func append(hexadecimal value: some FixedWidthInteger & UnsignedInteger) {
    let width = type(of: value).bitWidth / 4
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { digits in
      for at in 0..<width {
        let digit = UInt8(truncatingIfNeeded: value >> ((width - 1 - at) * 4)) & 15
        digits[at] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
      }
      append(contentsOf: UnsafeBufferPointer(digits))
    }
  }

  /// Appends all bytes of a buffer.
  package mutating func append(_ buffer: ByteBuffer) {
    // An array without memory would grow first.
    if capacity == 0 { self = buffer.bytes } else { buffer.withUnsafeBytes { append(contentsOf: $0) } }
  }
}
