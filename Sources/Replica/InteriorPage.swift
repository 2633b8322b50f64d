internal import Bytes

/// Reads interior pages of trees (https://www.sqlite.org/fileformat2.html#b_tree_pages).
package enum InteriorPage {
  /// The kinds of pages in trees, by the page's first byte.
  package static let interiorIndex: UInt8 = 2
  package static let interiorTable: UInt8 = 5
  package static let leafIndex: UInt8 = 10
  package static let leafTable: UInt8 = 13

  /// Returns the index at which the header of a page begins.
  package static func header(_ page: UInt32, _ index: Int) -> Int { index + (page == 1 ? 100 : 0) }

  /// Returns the children of an interior page in the order of keys.
  ///
  /// Returns an empty array if the page is not an interior page, or damaged.
  package static func children(
    _ bytes: [UInt8], _ index: Int, page: UInt32, pageSize: Int, pages: UInt32
  ) -> [UInt32] {
    let header = header(page, index)
    guard bytes[header] == interiorIndex || bytes[header] == interiorTable else { return [] }
    let count = Int(bytes.bigEndian(UInt16.self, at: header + 3))
    guard header + 12 + 2 * count <= index + pageSize else { return [] }
    var found: [UInt32] = []
    found.reserveCapacity(count + 1)
    for cell in 0..<count {
      let at = Int(bytes.bigEndian(UInt16.self, at: header + 12 + 2 * cell))
      guard at >= 12, at + 4 <= pageSize else { return [] }
      found.append(bytes.bigEndian(UInt32.self, at: index + at))
    }
    found.append(bytes.bigEndian(UInt32.self, at: header + 8))
    return found.allSatisfy { $0 > 1 && $0 <= pages } ? found : []
  }
}
