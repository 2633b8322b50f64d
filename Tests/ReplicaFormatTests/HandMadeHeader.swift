import Bytes

/// A slice's header, made by the description in `Docs/Format.md`, without the program's own code.
struct HandMadeHeader {
  var version: UInt8 = 1
  var pageSize: UInt8 = 9
  var compressed: UInt8 = 0
  var random: UInt64 = 2
  var salts: [UInt64] = [7, 9]
  var sums: [UInt64] = [1, 2, 3, 4]
  /// Low half and high half.
  var checksum: [UInt64] = [5, 6]
  var id: UInt64 = 10
  var previous: UInt64 = 11
  var session: UInt64 = 12
  var sequence: UInt64 = 1
  var first: UInt64 = 5
  var more: UInt64 = 0
  /// Last transaction of the object - last transaction.
  var rest: UInt64 = 0
  var part: UInt64 = 1
  var parts: UInt64 = 1
  var restarts: UInt64 = 0
  var firstFrame: UInt64 = 1
  var frames: UInt64 = 1
  var commits: UInt64 = 1
  var pages: UInt64 = 2
  var behind: Int64 = 1
  var created: Int64 = 0
  var sizes: [UInt64] = [0, 0, 0, 0]
  var tables: UInt64 = 0
  var largestPage: UInt64?

  /// The header, and space for the hash at the end of an object.
  var bytes: [UInt8] {
    var bytes = Array("SQLCS3W1".utf8) + [version, 0, pageSize, compressed]
    bytes += Self.littleEndian(random, 4)
    for salt in salts { bytes += Self.littleEndian(salt, 4).reversed() }
    for sum in sums { bytes += Self.littleEndian(sum, 4) }
    for half in checksum { bytes += Self.littleEndian(half, 8) }
    for number in [id, previous, session] { bytes += Self.littleEndian(number, 8) }
    for number in [
      sequence, first, more, rest, part, parts, restarts, firstFrame, frames, commits, pages,
    ] { bytes += Self.varint(number) }
    for number in [behind, created] {
      bytes += Self.varint(UInt64(bitPattern: (number << 1) ^ (number >> 63)))
    }
    for number in sizes + [tables] { bytes += Self.varint(number) }
    if let largestPage { bytes += Self.varint(largestPage) }
    bytes[9] = UInt8(bytes.count + 8)
    bytes += Self.littleEndian(Hash128(bytes, 0..<bytes.count).low, 8)
    return bytes + [UInt8](repeating: 0, count: 16)
  }

  static func littleEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  static func varint(_ value: UInt64) -> [UInt8] {
    var (bytes, rest): ([UInt8], UInt64) = ([], value)
    while rest > 0x7f {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
