internal import Bytes
package import SQLite

/// Reads the rows of pages, and follows chains of overflow pages as far as possible.
package struct RecordReader {
  package let source: PageSource
  package init(_ source: PageSource) { self.source = source }

  /// Returns a page as part of a b-tree; nil if it is not one.
  package func page(_ number: Int) -> BTreePage? {
    source.page(number).flatMap { BTreePage($0, number: number, usableSize: source.usableSize) }
  }

  /// Returns the values of a cell.
  ///
  /// Values that are cut off are left out, except that the last one may be shortened.
  package func values(of cell: BTreePage.Cell, in page: BTreePage) -> [Value] {
    Self.decode(payload(of: cell, in: page), encoding: source.encoding)
  }

  private func payload(of cell: BTreePage.Cell, in page: BTreePage) -> [UInt8] {
    var bytes = Array(page.bytes[cell.local])
    guard var next = cell.overflow else { return bytes }
    // A chain in a circle ends with the declared size, or with the number of pages.
    var left = source.pageCount
    while bytes.count < cell.payloadSize, left > 0, let part = source.page(next) {
      bytes += part[4..<(4 + min(source.usableSize - 4, cell.payloadSize - bytes.count))]
      next = Int(part.bigEndian(UInt32.self, at: 0))
      left -= 1
    }
    return bytes
  }

  /// Returns the values of a record (https://www.sqlite.org/fileformat2.html#record_format).
  static func decode(_ record: [UInt8], encoding: Int) -> [Value] {
    var head = 0
    guard let length = Varint.read(record, &head), length > 0, length <= Int64(record.count) else {
      return []
    }
    var body = Int(length)
    var values: [Value] = []
    while head < Int(length), let type = Varint.read(record, &head), values.count < 32767 {
      guard head <= Int(length), type >= 0, let value = value(record, type, &body, encoding) else { break }
      values.append(value)
    }
    return values
  }

  private static func value(_ record: [UInt8], _ type: Int64, _ body: inout Int, _ encoding: Int) -> Value? {
    let size: Int
    switch type {
    case 0: return .null
    case 8: return .integer(0)
    case 9: return .integer(1)
    case 1...4: size = Int(type)
    case 5: size = 6
    case 6, 7: size = 8
    case 10, 11: return .null
    default: size = Int((type - 12) / 2)
    }
    if type >= 12 {
      let part = Array(record[min(body, record.count)..<min(body + min(size, record.count), record.count)])
      guard body < record.count || size == 0 else { return nil }
      body += part.count
      return type % 2 == 0 ? .blob(part) : .text(text(part, encoding))
    }
    guard body + size <= record.count else { return nil }
    var bits: UInt64 = record[body] & 0x80 != 0 && type != 7 ? .max : 0
    for byte in record[body..<(body + size)] { bits = bits << 8 | UInt64(byte) }
    body += size
    guard type == 7 else { return .integer(Int64(bitPattern: bits)) }
    let real = Double(bitPattern: bits)
    return real.isNaN ? .null : .real(real)
  }

  private static func text(_ bytes: [UInt8], _ encoding: Int) -> String {
    guard encoding > 1 else { return String(preserving: bytes) }
    var units: [UInt16] = []
    for at in stride(from: 0, to: bytes.count - 1, by: 2) {
      units.append(encoding == 2 ? bytes.littleEndian(at: at) : bytes.bigEndian(at: at))
    }
    return String(decoding: units, as: UTF16.self)
  }

  /// Returns all pages of the b-tree at a root, each once, level by level.
  package func pages(below root: Int) -> [Int] {
    var found = [root]
    var seen: Set = [root]
    var at = 0
    while at < found.count {
      for child in page(found[at])?.children ?? [] where child >= 1 && child <= source.pageCount {
        if seen.insert(child).inserted { found.append(child) }
      }
      at += 1
    }
    return found
  }

  /// Calls `body` with every row of a page.
  package func eachRow(of number: Int, _ body: (_ rowID: Int64?, _ values: [Value]) throws -> Void) rethrows {
    guard let page = page(number) else { return }
    for index in 0..<page.cellCount {
      guard let cell = page.cell(index) else { continue }
      let values = values(of: cell, in: page)
      if !values.isEmpty { try body(cell.rowID, values) }
    }
  }
}
