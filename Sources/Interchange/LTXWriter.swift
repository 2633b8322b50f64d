internal import Bytes
internal import Compression

/// Makes one LTX file, page by page, as Litestream 0.5 writes them.
///
/// After the header come pages: number (4 bytes), flags (2; 1 means that a length follows), length
/// (4), an LZ4 block. Six zero bytes end them. The index has for each page, as variable-length
/// numbers, its number, its offset in the file, and its length; a zero ends the index, and its
/// length follows (8). The trailer is the checksum of the database (zero if unknown) and that of
/// the file, with its highest bit set: CRC-64 of everything before it, with uncompressed pages.
package struct LTXWriter {
  /// The file so far; complete after `finish`.
  package private(set) var bytes: [UInt8]
  private var checksum = CRC64()
  private var index: [UInt8] = []

  package init(_ header: LTXHeader) {
    bytes = header.bytes
    checksum.add(bytes)
  }

  /// Adds a page.
  ///
  /// Numbers must rise.
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
  /// Appends a number, seven bits in each byte, the lowest first; the highest bit means that more
  /// follow.
  fileprivate mutating func append(variableLength value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
