internal import Bytes
internal import Replica

/// Finds rows whose values continue on overflow pages
/// (https://www.sqlite.org/fileformat2.html#ovflpgs).
enum OverflowChains {
  struct Head {
    let page: UInt32
    let rowID: Int64
  }

  /// Returns the first overflow page of each row of a leaf that has one.
  static func heads(_ reader: PageReader, leaf: UInt32) throws -> [Head] {
    let usable = try usableSize(reader)
    return try reader.withPage(leaf) { bytes, index in
      let header = InteriorPage.header(leaf, index)
      let end = index + reader.pageSize
      guard bytes[header] == InteriorPage.leafTable else { return [] }
      let count = Int(bytes.bigEndian(UInt16.self, at: header + 3))
      guard header + 8 + 2 * count <= end else { return [] }
      var found: [Head] = []
      for cell in 0..<count {
        let at = index + Int(bytes.bigEndian(UInt16.self, at: header + 8 + 2 * cell))
        guard let size = RecordVarint.read(bytes, at, end: end),
          let key = RecordVarint.read(bytes, at + size.count, end: end),
          let local = localSize(size.value, usable)
        else { continue }
        let next = at + size.count + key.count + local
        guard next + 4 <= end else { continue }
        found.append(Head(page: bytes.bigEndian(UInt32.self, at: next), rowID: key.value))
      }
      return found
    }
  }

  private static func usableSize(_ reader: PageReader) throws -> Int {
    try reader.withPage(1) { bytes, index in reader.pageSize - Int(bytes[index + 20]) }
  }

  /// Returns the number of bytes of a row that the leaf holds; nil if it holds all.
  private static func localSize(_ size: Int64, _ usable: Int) -> Int? {
    let most = Int64(usable - 35)
    guard size > most else { return nil }
    let least = Int64((usable - 12) * 32 / 255 - 23)
    let local = least + (size - least) % Int64(usable - 4)
    return Int(local <= most ? local : least)
  }

  /// Returns the page after an overflow page; nil after the last.
  static func next(_ reader: PageReader, _ page: UInt32) throws -> UInt32? {
    let next = try reader.withPage(page) { bytes, index in bytes.bigEndian(UInt32.self, at: index) }
    return next > 0 && next <= reader.pageCount ? next : nil
  }
}
