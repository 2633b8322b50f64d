internal import Bytes
package import WALFormat

/// The position record beside a database: the next start recognizes the database without reading
/// it.
///
/// It only saves work: the replica decides. If the record is missing or wrong, the database is
/// read.
package struct PositionRecord: Hashable, Sendable {
  /// The state of the database file when the record was written.
  ///
  /// If these values are still the same, nothing has been written to the file since.
  package struct FileStamp: Hashable, Sendable {
    package let size: Int
    package let modifiedNs: Int64
    package let inode: UInt64
    package init(size: Int, modifiedNs: Int64, inode: UInt64) {
      self.size = size
      self.modifiedNs = modifiedNs
      self.inode = inode
    }
  }

  /// The identity of the database file, independent of its content.
  ///
  /// A copy is another file.
  package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    /// When it was created, nanoseconds since 1970; 0 if the file system has no such time.
    package let bornNs: Int64
    package init(device: UInt64, inode: UInt64, bornNs: Int64) {
      self.device = device
      self.inode = inode
      self.bornNs = bornNs
    }
  }

  package let url: String
  /// The place of the log after the last transaction that is stored.
  package let place: Place
  /// The last entry of the log, and others with the same transaction number; empty if they are not
  /// known.
  package let entries: [Place]
  /// Number of the session that wrote the record.
  package let session: UInt64
  /// Last transaction known to be in the replica.
  package let transaction: UInt64
  package let state: DatabaseState
  /// The end of that transaction in the log.
  package let position: WALPosition?
  /// When it was committed, microseconds since 1970.
  package let time: Int64
  /// The number of log objects that are not merged yet, as far as the sessions that wrote them
  /// knew.
  package let unmerged: Int
  /// Last transaction of the generation up to which all statements are stored; nil if that is not known.
  package let statements: UInt64?
  package let identity: FileIdentity?
  /// Whether SQLite's log was synced up to there before the record was written, so that a power
  /// loss takes none of it.
  package let isSynced: Bool
  /// Whether the database file alone holds the transaction.
  package let isAtRest: Bool
  /// The last transaction that the file held when the record was written, stored or not.
  package let captured: UInt64
  /// Bytes of log in the replica since its last base; nil if this is not known.
  package let bytesSinceBase: Int?
  /// Set if the database file holds exactly `transaction`.
  package let file: FileStamp?
  /// The identifier of the key that the replica is encrypted with; nil if it is not encrypted.
  package let keyID: String?
  /// The process that wrote the record, and whether it mirrors in `sync` or `async`; nil if this is
  /// not known.
  package let writer: Writer?

  /// The process that mirrors a database.
  package struct Writer: Hashable, Sendable {
    package let process: Int
    package let durability: String
    package init(process: Int, durability: String) {
      self.process = process
      self.durability = durability
    }
  }

  package init(
    url: String, place: Place, entries: [Place], session: UInt64, transaction: UInt64, state: DatabaseState,
    position: WALPosition?, time: Int64, unmerged: Int, statements: UInt64? = nil, identity: FileIdentity?,
    isSynced: Bool,
    isAtRest: Bool, captured: UInt64? = nil, bytesSinceBase: Int?, file: FileStamp?, keyID: String? = nil,
    writer: Writer? = nil
  ) {
    self.keyID = keyID
    self.writer = writer
    self.url = url
    self.place = place
    self.entries = entries
    self.session = session
    self.time = time
    self.unmerged = unmerged
    self.statements = statements
    self.identity = identity
    self.isSynced = isSynced
    self.transaction = transaction
    self.state = state
    self.position = position
    self.isAtRest = isAtRest
    self.captured = max(captured ?? transaction, transaction)
    self.bytesSinceBase = bytesSinceBase
    self.file = file
  }

  package var generation: GenerationID { place.generation }

  private static let title = "sqlite3-cloud-s3 position 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("replica", url)
    record.add("place", place.field)
    for entry in entries { record.add("entry", entry.field) }
    record.add("session", EntryID(session))
    record.add("transaction", transaction)
    record.add("page-size", state.pageSize)
    record.add("pages", state.pages)
    record.add("checksum", state.checksum)
    if let position {
      let sums = position.checksum
      record.add(
        "wal", "\(position.salt) \(position.frame) \(WALSalt(first: sums.first, second: sums.second))")
    }
    record.add("time", time)
    record.add("unmerged", unmerged)
    if let statements { record.add("statements", statements) }
    if let identity { record.add("identity", "\(identity.device) \(identity.inode) \(identity.bornNs)") }
    if isSynced { record.add("synced", "yes") }
    if isAtRest { record.add("rest", "yes") }
    if captured != transaction { record.add("captured", captured) }
    if let bytesSinceBase { record.add("log", bytesSinceBase) }
    if let file { record.add("file", "\(file.size) \(file.modifiedNs) \(file.inode)") }
    if let keyID { record.add("key", keyID) }
    if let writer { record.add("writer", "\(writer.process) \(writer.durability)") }
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    url = try reader.text("replica")
    place = try reader.value("place") { Place(field: $0) }
    entries = record.all("entry").compactMap { Place(field: $0) }
    session = try reader.value("session") { EntryID($0) }.value
    time = try reader.value("time") { Bounds.time($0) }
    unmerged = try reader.value("unmerged") { UInt32($0).map { Int($0) } }
    statements = record.first("statements").flatMap { Bounds.transaction($0) }
    transaction = try reader.value("transaction") { Bounds.transaction($0) }
    state = DatabaseState(
      pageSize: try reader.value("page-size") { Bounds.pageSize($0) },
      pages: try reader.value("pages") { UInt32($0) },
      checksum: try reader.value("checksum") { Hash128($0) })
    position = record.first("wal").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let salt = WALSalt(String(fields[0])), let frame = Bounds.frame(fields[1]),
        let sums = WALSalt(String(fields[2]))
      else { return nil }
      return WALPosition(
        salt: salt, frame: frame, checksum: WALChecksum(first: sums.first, second: sums.second))
    }
    identity = record.first("identity").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let device = UInt64(fields[0]), let inode = UInt64(fields[1]),
        let born = Int64(fields[2])
      else { return nil }
      return FileIdentity(device: device, inode: inode, bornNs: born)
    }
    isSynced = record.first("synced") == "yes"
    isAtRest = record.first("rest") == "yes"
    captured = max(record.first("captured").flatMap { Bounds.transaction($0) } ?? 0, transaction)
    keyID = record.first("key")
    writer = record.first("writer").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 2, let process = Bounds.process(fields[0]) else { return nil }
      return Writer(process: process, durability: String(fields[1]))
    }
    bytesSinceBase = record.first("log").flatMap { Int($0) }.flatMap { (0...1 << 48).contains($0) ? $0 : nil }
    file = record.first("file").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let size = Int(fields[0]), let modified = Int64(fields[1]),
        let inode = UInt64(fields[2])
      else { return nil }
      return FileStamp(size: size, modifiedNs: modified, inode: inode)
    }
  }
}
