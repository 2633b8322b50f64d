internal import Bytes

/// A page of a b-tree that may be damaged (https://www.sqlite.org/fileformat2.html#b_tree_pages).
package struct BTreePage {
  package enum Kind: UInt8 {
    case indexInterior = 2
    case tableInterior = 5
    case indexLeaf = 10
    case tableLeaf = 13
  }

  package let kind: Kind
  package let number: Int
  let bytes: [UInt8]
  private let usableSize: Int
  private let start: Int

  /// Fails (nil) if the page is not marked as part of a b-tree.
  package init?(_ bytes: [UInt8], number: Int, usableSize: Int) {
    start = number == 1 ? 100 : 0
    guard let kind = Kind(rawValue: bytes[start]) else { return nil }
    self.kind = kind
    self.number = number
    self.bytes = bytes
    self.usableSize = usableSize
  }

  var isInterior: Bool { kind == .indexInterior || kind == .tableInterior }
  /// Whether it belongs to a table with row ids.
  var isOfTable: Bool { kind == .tableLeaf || kind == .tableInterior }
  private var pointers: Int { start + (isInterior ? 12 : 8) }

  /// The number of cells, limited to those that fit.
  package var cellCount: Int {
    min(Int(bytes.bigEndian(UInt16.self, at: start + 3)), (bytes.count - pointers) / 2)
  }

  /// Returns the start of a cell; nil if that is outside of the page.
  package func cellOffset(_ index: Int) -> Int? {
    let offset = Int(bytes.bigEndian(UInt16.self, at: pointers + 2 * index))
    return offset >= pointers && offset < usableSize ? offset : nil
  }

  /// Whether the fields of the page's head agree.
  var looksSound: Bool {
    let free = Int(bytes.bigEndian(UInt16.self, at: start + 1))
    let content = Int(bytes.bigEndian(UInt16.self, at: start + 5))
    let count = Int(bytes.bigEndian(UInt16.self, at: start + 3))
    guard pointers + 2 * count <= bytes.count, free < bytes.count, bytes[start + 7] <= 60,
      content == 0 ? bytes.count == 65536 : content <= bytes.count && content >= pointers + 2 * count
    else { return false }
    var last = content == 0 ? 65536 : content
    for index in 0..<count {
      let offset = Int(bytes.bigEndian(UInt16.self, at: pointers + 2 * index))
      guard offset >= content && offset + 4 <= bytes.count else { return false }
      last = max(last, offset)
    }
    // Cells fill a page from its end. In a page half the size, they would all be in the first half.
    return last >= bytes.count / 2
  }

  /// The pages below, the rightmost first.
  package var children: [Int] {
    guard isInterior else { return [] }
    var children = [Int(bytes.bigEndian(UInt32.self, at: start + 8))]
    for index in 0..<cellCount {
      guard let offset = cellOffset(index), offset + 4 <= bytes.count else { continue }
      children.append(Int(bytes.bigEndian(UInt32.self, at: offset)))
    }
    return children
  }

  /// A cell with content.
  package struct Cell {
    package let index: Int
    /// Nil in the b-tree of an index, or of a table without row ids.
    package let rowID: Int64?
    let payloadSize: Int
    let local: Range<Int>
    let overflow: Int?
  }

  /// Reads a cell; nil if it has no content or cannot be one.
  package func cell(_ index: Int) -> Cell? {
    guard kind != .tableInterior, var at = cellOffset(index) else { return nil }
    if kind == .indexInterior { at += 4 }
    guard let size = Varint.read(bytes, &at), size >= 0, size < 0x7fff_ff00 else { return nil }
    var rowID: Int64?
    if kind == .tableLeaf {
      guard let id = Varint.read(bytes, &at) else { return nil }
      rowID = id
    }
    let payload = Int(size)
    let greatest = kind == .tableLeaf ? usableSize - 35 : (usableSize - 12) * 64 / 255 - 23
    var local = payload
    if payload > greatest {
      let least = (usableSize - 12) * 32 / 255 - 23
      let fit = least + (payload - least) % (usableSize - 4)
      local = fit <= greatest ? fit : least
    }
    let end = min(at + local, usableSize)
    guard at <= end else { return nil }
    var overflow: Int?
    if local < payload, end + 4 <= bytes.count { overflow = Int(bytes.bigEndian(UInt32.self, at: end)) }
    return Cell(index: index, rowID: rowID, payloadSize: payload, local: at..<end, overflow: overflow)
  }
}

/// SQLite's varints of one to nine bytes (https://www.sqlite.org/fileformat2.html#varint).
enum Varint {
  /// Reads a number and moves past it; nil if the bytes end in it.
  static func read(_ bytes: [UInt8], _ at: inout Int) -> Int64? {
    var value: UInt64 = 0
    for index in 0..<9 {
      guard at < bytes.count else { return nil }
      let byte = bytes[at]
      at += 1
      if index == 8 { return Int64(bitPattern: value << 8 | UInt64(byte)) }
      value = value << 7 | UInt64(byte & 0x7f)
      if byte < 0x80 { return Int64(bitPattern: value) }
    }
    return nil
  }
}
