import Bytes
import Files

/// A rollback journal in SQLite's format
/// (https://www.sqlite.org/fileformat2.html#the_rollback_journal).
///
/// If the program ends before the journal is deleted, the next program that reads the database
/// finds it, and SQLite restores the pages that it holds.
struct RollbackJournal {
  /// The header takes a sector and holds the sector's size.
  private static let sector = 512
  private static let magic: [UInt8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]
  private let pageSize: Int
  private let nonce: UInt32

  /// The journal of a database with this page size; `nonce` is any number, another one for each
  /// journal.
  init(pageSize: Int, nonce: UInt32) {
    self.pageSize = pageSize
    self.nonce = nonce
  }

  func header(records: Int, pages: UInt32) -> [UInt8] {
    var bytes = Self.magic
    bytes.appendBigEndian(UInt32(records))
    bytes.appendBigEndian(nonce)
    bytes.appendBigEndian(pages)
    bytes.appendBigEndian(UInt32(Self.sector))
    bytes.appendBigEndian(UInt32(pageSize))
    return bytes + [UInt8](repeating: 0, count: Self.sector - bytes.count)
  }

  func record(_ page: UInt32, _ image: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(pageSize + 8)
    bytes.appendBigEndian(page)
    bytes += image
    bytes.appendBigEndian(checksum(image))
    return bytes
  }

  /// > The checksum is computed over every 200th byte, from the end.
  private func checksum(_ image: [UInt8]) -> UInt32 {
    var sum = nonce
    for index in stride(from: pageSize - 200, to: 0, by: -200) { sum &+= UInt32(image[index]) }
    return sum
  }

  /// Writes the journal with the current images of pages, and waits until it is on the disk.
  ///
  /// Every reader of the database may read it, because the next one must restore the old pages.
  func write(beside database: String, _ saved: [UInt32], pages: UInt32, image: (UInt32) throws -> [UInt8])
    throws
  {
    let file = try File(side: database + "-journal", of: database, sharing: true)
    try file.truncate(to: 0)
    var buffer = header(records: saved.count, pages: pages)
    var at = 0
    for page in saved {
      buffer += record(page, try image(page))
      guard buffer.count >= 1 << 20 else { continue }
      try file.write(buffer, at: at)
      at += buffer.count
      buffer.removeAll(keepingCapacity: true)
    }
    try file.write(buffer, at: at)
    try file.sync()
    try Folder.sync(Folder.parent(of: database))
  }
}
