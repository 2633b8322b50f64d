internal import Bytes

/// The first 100 bytes of an LTX file (https://github.com/superfly/ltx#header).
///
/// All numbers are big-endian.
package struct LTXHeader: Hashable, Sendable {
  package static let size = 100
  private static let magic = Array("LTX1".utf8)
  /// The flag of a file without checksums of the database.
  private static let withoutChecksums: UInt32 = 2

  /// Milliseconds since 1970 of the years 1 to 9999.
  private static let times: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

  /// Bytes of a page.
  package var pageSize: Int
  /// Pages of the database after the file is applied.
  package var pageCount: UInt32
  /// Litestream's numbers of the first and last transaction in the file.
  package var transactions: ClosedRange<UInt64>
  /// Milliseconds since 1970.
  package var milliseconds: Int64
  /// Whether to name a frame of a log, as Litestream's files of level 0 do.
  ///
  /// Without one Litestream refuses to continue. With salts that no log has, it begins with a whole
  /// database, because it finds another log.
  package var tellsFrame = false
  /// Whether the trailer has the checksum of the whole database.
  package var hasDatabaseChecksum = false

  package init(pageSize: Int, pageCount: UInt32, transactions: ClosedRange<UInt64>, milliseconds: Int64) {
    self.pageSize = pageSize
    self.pageCount = pageCount
    self.transactions = transactions
    self.milliseconds = milliseconds
  }

  /// Returns the page that SQLite locks and never uses
  /// (https://www.sqlite.org/fileformat2.html#the_lock_byte_page).
  package static func lockPage(pageSize: Int) -> UInt32 { UInt32(0x4000_0000 / pageSize) + 1 }

  package var lockPage: UInt32 { Self.lockPage(pageSize: pageSize) }

  package init(_ bytes: [UInt8], object: String) throws(LTXError) {
    guard bytes.count >= Self.size else { throw LTXError(object, "it is cut short") }
    guard bytes.starts(with: Self.magic) else { throw LTXError(object, "it is no LTX file") }
    let flags = bytes.bigEndian(UInt32.self, at: 4)
    guard flags & ~3 == 0 else {
      throw LTXError(object, "its flags, \(flags), are of a later version than is known here")
    }
    hasDatabaseChecksum = flags & Self.withoutChecksums == 0
    pageSize = Int(bytes.bigEndian(UInt32.self, at: 8))
    guard (512...65536).contains(pageSize), pageSize & (pageSize - 1) == 0 else {
      throw LTXError(object, "\(pageSize) is no size of a page")
    }
    pageCount = bytes.bigEndian(UInt32.self, at: 12)
    let (first, last) = (bytes.bigEndian(UInt64.self, at: 16), bytes.bigEndian(UInt64.self, at: 24))
    guard first > 0, first <= last, last <= LTXName.lastTransaction else {
      throw LTXError(object, "its transactions, \(first) to \(last), are no range")
    }
    transactions = first...last
    milliseconds = bytes.bigEndian(Int64.self, at: 32)
    guard Self.times.contains(milliseconds) else {
      throw LTXError(object, "its time, \(milliseconds) ms since 1970, is not of the years 1 to 9999")
    }
  }

  package var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.appendBigEndian(hasDatabaseChecksum ? 0 : Self.withoutChecksums)
    bytes.appendBigEndian(UInt32(pageSize))
    bytes.appendBigEndian(pageCount)
    bytes.appendBigEndian(transactions.lowerBound)
    bytes.appendBigEndian(transactions.upperBound)
    bytes.appendBigEndian(milliseconds)
    if tellsFrame {
      // Checksum before, offset and length of the first frame after a log's header.
      for value in [0, 32, UInt64(pageSize) + 24] { bytes.appendBigEndian(value) }
    }
    return bytes + [UInt8](repeating: 0, count: Self.size - bytes.count)
  }
}
