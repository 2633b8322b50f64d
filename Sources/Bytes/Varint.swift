/// Numbers of seven bits in each byte, the lowest first; the highest bit of a byte means that more
/// follow.
extension ByteBuffer {
  @inlinable @inline(__always) package func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends a number that may be negative: 0, -1, 1, -2, … become 0, 1, 2, 3, ….
  @inlinable @inline(__always) package func append(signedVarint value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }
}

/// Reads numbers and bytes from a part of an array, in order; nil past its end.
package struct FieldCursor {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline var position: Int
  @usableFromInline let end: Int

  package init(_ bytes: [UInt8], _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The position of the next one.
  @inlinable package var at: Int { position }

  /// The number of bytes left.
  @inlinable package var left: Int { end - position }

  @inlinable package mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = byte() {
      guard shift < 63 || byte < 2 else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  /// Reads what `append(signedVarint:)` wrote.
  @inlinable package mutating func signedVarint() -> Int64? {
    guard let value = varint() else { return nil }
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// Reads a number that must fit another type; else nil.
  @inlinable package mutating func varint(_: UInt32.Type) -> UInt32? {
    guard let value = varint(), value <= UInt32.max else { return nil }
    return UInt32(truncatingIfNeeded: value)
  }

  @inlinable @inline(__always) mutating func byte() -> UInt8? {
    guard position < end else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  package mutating func take(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= left else { return nil }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  /// Reads a little-endian number of fixed width.
  @inlinable package mutating func fixed<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number? {
    let size = Number.bitWidth / 8
    guard size <= left else { return nil }
    defer { position += size }
    return bytes.littleEndian(at: position)
  }
}
