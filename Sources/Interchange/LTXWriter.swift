internal import Bytes
internal import Compression

/// Makes one LTX file, page by page, as Litestream 0.5 writes them.
///
/// After the header come pages: number (4 bytes), flags (2; 1 says that a length follows), length (4), an LZ4 block.
/// Six zero bytes end them. The index tells of each page, as variable-length numbers, its own number, where in the file
/// it begins and how long it is there; a zero ends it, and its length follows (8). The trailer is the checksum of the
/// database, zero if it is not told, and of the file, with its highest bit set: CRC-64 of all before it, with the
/// pages as they are uncompressed.
package struct LTXWriter {
  /// The file so far; whole after `finish`.
  package private(set) var bytes: [UInt8]
  private var checksum = CRC64()
  private var index: [UInt8] = []

  package init(_ header: LTXHeader) {
    bytes = header.bytes
    checksum.add(bytes)
  }

  /// Adds a page; numbers must rise.
  package mutating func add(_ page: [UInt8], number: UInt32) {
    let block = LZ4.compress(page)
    let start = bytes.count
    bytes.appendBigEndian(number)
    bytes.appendBigEndian(UInt16(1))
    bytes.appendBigEndian(UInt32(block.count))
    checksum.add(bytes, start..<bytes.count)
    checksum.add(page)
    bytes += block
    for value in [UInt64(number), UInt64(start), UInt64(bytes.count - start)] {
      index.append(variableLength: value)
    }
  }

  package mutating func finish() {
    index.append(0)
    let start = bytes.count
    bytes += [UInt8](repeating: 0, count: 6) + index
    bytes.appendBigEndian(UInt64(index.count))
    bytes.appendBigEndian(UInt64(0))
    checksum.add(bytes, start..<bytes.count)
    bytes.appendBigEndian(checksum.value | 1 << 63)
  }
}

extension [UInt8] {
  /// Appends a number seven bits at a time, the lowest first; the highest bit says that more follow.
  fileprivate mutating func append(variableLength value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
