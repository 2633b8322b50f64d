/// Fixed-width integers in byte arrays, at any alignment. An index outside the array traps.
extension Array where Element == UInt8 {
  package func littleEndian<Number: FixedWidthInteger>(_: Number.Type = Number.self, at index: Int) -> Number
  {
    Number(littleEndian: load(at: index))
  }

  package func bigEndian<Number: FixedWidthInteger>(_: Number.Type = Number.self, at index: Int) -> Number {
    Number(bigEndian: load(at: index))
  }

  package mutating func appendLittleEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  package mutating func appendBigEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  package mutating func storeBigEndian<Number: FixedWidthInteger>(_ value: Number, at index: Int) {
    precondition(index >= 0 && index + MemoryLayout<Number>.size <= count)
    withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: index, as: Number.self) }
  }

  private func load<Number: FixedWidthInteger>(at index: Int) -> Number {
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
    let start = count
    var rest = value
    repeat {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }

  /// Appends all bytes of a buffer.
  package mutating func append(_ buffer: ByteBuffer) {
    buffer.withUnsafeBytes { append(contentsOf: $0) }
  }
}
