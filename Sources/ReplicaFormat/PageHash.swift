package import Bytes

/// The checksum of a database, which is updated page by page.
///
/// It is the exclusive or of XXH3-128 over each page, with the page's number as seed. The page that
/// holds SQLite's lock bytes is left out: SQLite does not write it.
package enum PageHash {
  package static func of(_ page: UInt32, _ bytes: [UInt8], at index: Int, pageSize: Int) -> Hash128 {
    if page == lockPage(pageSize: pageSize) { return .zero }
    return Hash128(bytes, index..<index + pageSize, seed: UInt64(page))
  }

  /// > The lock-byte page is the single page of the database file that contains the bytes at
  /// offsets between > 1073741824 and 1073742335, inclusive
  /// (https://www.sqlite.org/fileformat2.html#the_lock_byte_page).
  package static func lockPage(pageSize: Int) -> UInt32 { UInt32(0x4000_0000 / pageSize) + 1 }
}

/// The fingerprint of a database at one moment: enough to recognize it again.
package struct DatabaseState: Hashable, Sendable {
  package var pageSize: Int
  /// Size in pages.
  package var pages: UInt32
  package var checksum: Hash128

  package init(pageSize: Int, pages: UInt32, checksum: Hash128) {
    self.pageSize = pageSize
    self.pages = pages
    self.checksum = checksum
  }
}
