internal import Bytes
internal import Replica
internal import ReplicaFormat

/// Lists the pages of one tree, and reads only its interior pages.
struct TreeWalk {
  /// A leaf with the range of keys that it may hold: greater than `low`, up to and including
  /// `high`.
  ///
  /// Only trees of tables with rowids have keys here.
  struct Leaf {
    let page: UInt32
    let low: Int64?
    let high: Int64?
  }

  private(set) var leaves: [Leaf] = []
  private(set) var interiors: [UInt32] = []

  /// The maximum depth of a tree in SQLite.
  private static let deepest = 20

  init(_ reader: PageReader, root: UInt32) throws {
    let depth = try Self.depth(reader, root)
    var left = Int(reader.pageCount)
    try descend(reader, root, depth, low: nil, high: nil, &left)
  }

  /// Returns the number of levels of interior pages on the path to the first leaf.
  private static func depth(_ reader: PageReader, _ root: UInt32) throws -> Int {
    var (page, depth) = (root, 0)
    while true {
      let next = try reader.withPage(page) { bytes, index -> UInt32? in
        let header = InteriorPage.header(page, index)
        guard bytes[header] == InteriorPage.interiorTable || bytes[header] == InteriorPage.interiorIndex
        else {
          return nil
        }
        return InteriorPage.children(
          bytes, index, page: page, pageSize: reader.pageSize, pages: reader.pageCount
        ).first ?? 0
      }
      guard let next else { return depth }
      depth += 1
      guard next > 0, depth <= deepest else { throw damage(reader, page) }
      page = next
    }
  }

  private static func damage(_ reader: PageReader, _ page: UInt32) -> FormatError {
    FormatError(
      reader.history.manifest.key,
      "page \(page) of transaction \(reader.moment.transaction) is not a page of a tree")
  }

  private mutating func descend(
    _ reader: PageReader, _ page: UInt32, _ depth: Int, low: Int64?, high: Int64?, _ left: inout Int
  ) throws {
    guard left > 0 else { throw Self.damage(reader, page) }
    left -= 1
    guard depth > 0 else { return leaves.append(Leaf(page: page, low: low, high: high)) }
    interiors.append(page)
    let (children, keys) = try reader.withPage(page) { bytes, index in
      (
        InteriorPage.children(bytes, index, page: page, pageSize: reader.pageSize, pages: reader.pageCount),
        Self.keys(bytes, index, page, reader.pageSize)
      )
    }
    guard !children.isEmpty else { throw Self.damage(reader, page) }
    var before = low
    for (number, child) in children.enumerated() {
      let end = keys.indices.contains(number) ? keys[number] : high
      try descend(reader, child, depth - 1, low: before, high: end, &left)
      before = end
    }
  }

  /// Returns the rowids between the children of an interior page of a table; empty for an index.
  private static func keys(_ bytes: [UInt8], _ index: Int, _ page: UInt32, _ pageSize: Int) -> [Int64] {
    let header = InteriorPage.header(page, index)
    guard bytes[header] == InteriorPage.interiorTable else { return [] }
    let count = Int(bytes.bigEndian(UInt16.self, at: header + 3))
    guard header + 12 + 2 * count <= index + pageSize else { return [] }
    return (0..<count).map { cell in
      let at = Int(bytes.bigEndian(UInt16.self, at: header + 12 + 2 * cell))
      return RecordVarint.read(bytes, index + at + 4, end: index + pageSize)?.value ?? 0
    }
  }
}

/// Reads the variable-length integers of SQLite's records and cells
/// (https://www.sqlite.org/fileformat2.html#varint).
enum RecordVarint {
  /// Returns the number that begins at an index, and its length; nil if it does not end before
  /// `end`.
  static func read(_ bytes: [UInt8], _ at: Int, end: Int) -> (value: Int64, count: Int)? {
    var value: UInt64 = 0
    for count in 0..<9 {
      guard at >= 0, at + count < end else { return nil }
      let byte = bytes[at + count]
      if count == 8 { return (Int64(bitPattern: value << 8 | UInt64(byte)), 9) }
      value = value << 7 | UInt64(byte & 0x7f)
      if byte < 0x80 { return (Int64(bitPattern: value), count + 1) }
    }
    return nil
  }
}
