internal import Bytes
package import WALFormat

/// A moment in the chain of a replica.
package struct ChainPoint: Hashable, Sendable {
  package let generation: GenerationID
  package let transaction: UInt64
  /// Time of that transaction, microseconds since 1970.
  package let time: Int64
  package let state: DatabaseState
  /// The end of the transaction in SQLite's log; nil after a base.
  package var position: WALPosition?
  /// The entry of the generation's log, or the base, that holds the transaction.
  package var id: EntryID

  package init(
    generation: GenerationID, transaction: UInt64, id: EntryID, time: Int64, state: DatabaseState,
    position: WALPosition? = nil
  ) {
    self.generation = generation
    self.transaction = transaction
    self.id = id
    self.time = time
    self.state = state
    self.position = position
  }
}

/// The record beside a copy that follows a replica: the moment of the copy, and its differences
/// from the mirrored database.
///
/// The header of the copy has its own values (`CopyHeader`), so that programs that have it open
/// notice each change.
package struct FollowRecord: Hashable, Sendable {
  package let url: String
  package let point: ChainPoint
  /// The first 100 bytes of the mirrored database.
  package let header: [UInt8]
  /// The copy's own file change counter and schema cookie.
  package let counter: UInt32
  package let cookie: UInt32

  package init(url: String, point: ChainPoint, header: [UInt8], counter: UInt32, cookie: UInt32) {
    self.url = url
    self.point = point
    self.header = header
    self.counter = counter
    self.cookie = cookie
  }

  private static let title = "sqlite3-cloud-s3 follow 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("replica", url)
    record.add("generation", point.generation)
    record.add("transaction", point.transaction)
    record.add("entry", point.id)
    record.add("time", point.time)
    record.add("page-size", point.state.pageSize)
    record.add("pages", point.state.pages)
    record.add("checksum", point.state.checksum)
    if let position = point.position {
      let sums = position.checksum
      record.add(
        "wal", "\(position.salt) \(position.frame) \(WALSalt(first: sums.first, second: sums.second))")
    }
    record.add("header", header.map { Hex.fixed($0) }.joined())
    record.add("counter", counter)
    record.add("cookie", cookie)
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    url = try reader.text("replica")
    let state = DatabaseState(
      pageSize: try reader.value("page-size") { Bounds.pageSize($0) },
      pages: try reader.value("pages") { UInt32($0) },
      checksum: try reader.value("checksum") { Hash128($0) })
    let position: WALPosition? = record.first("wal").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let salt = WALSalt(String(fields[0])), let frame = Bounds.frame(fields[1]),
        let sums = WALSalt(String(fields[2]))
      else { return nil }
      return WALPosition(
        salt: salt, frame: frame, checksum: WALChecksum(first: sums.first, second: sums.second))
    }
    point = ChainPoint(
      generation: try reader.value("generation") { GenerationID($0) },
      transaction: try reader.value("transaction") { Bounds.transaction($0) },
      id: try reader.value("entry") { EntryID($0) },
      time: try reader.value("time") { Bounds.time($0) },
      state: state, position: position)
    header = try reader.value("header") { text in
      let digits = Array(text.utf8)
      guard digits.count == 2 * CopyHeader.size else { return nil }
      var bytes: [UInt8] = []
      for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
          return nil
        }
        bytes.append(byte)
      }
      return bytes
    }
    counter = try reader.value("counter") { UInt32($0) }
    cookie = try reader.value("cookie") { UInt32($0) }
  }
}

/// The header fields of a database file that a copy has for itself
/// (https://www.sqlite.org/fileformat2.html#the_database_header).
package enum CopyHeader {
  package static let size = 100

  /// Puts the copy's own values into its first page.
  ///
  /// The copy is in rollback mode, so that a journal guards its changes. A new change counter makes
  /// other connections read again; a new schema cookie makes them compile again.
  package static func put(counter: UInt32, cookie: UInt32, pages: UInt32, into page: inout [UInt8]) {
    page[18] = 1
    page[19] = 1
    page.storeBigEndian(counter, at: 24)
    page.storeBigEndian(pages, at: 28)
    page.storeBigEndian(cookie, at: 40)
    // > The change counter value when the version number was stored.
    page.storeBigEndian(counter, at: 92)
  }

  package static func counter(of page: [UInt8]) -> UInt32 { page.bigEndian(at: 24) }
  package static func cookie(of page: [UInt8]) -> UInt32 { page.bigEndian(at: 40) }
  /// Returns whether it is a database in rollback mode.
  package static func usesJournal(_ page: [UInt8]) -> Bool { page[18] == 1 && page[19] == 1 }
}
