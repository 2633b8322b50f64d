internal import Bytes
package import WALFormat

/// What is kept beside a database so that the next start recognises it without reading it.
///
/// It is only a short cut: the replica decides. Where the record is missing or wrong, the database is read.
package struct PositionRecord: Hashable, Sendable {
  /// The database file as it was when the record was written: not a byte has been written to it since if these
  /// are still the same.
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

  package let url: String
  package let generation: GenerationID
  /// Last transaction known to be in the replica.
  package let transaction: UInt64
  package let state: DatabaseState
  /// Where in the log that transaction ends.
  package let position: WALPosition?
  /// Whether the database file alone holds it.
  package let isAtRest: Bool
  /// Bytes of log in the replica since its last base; nil where that is not known.
  package let bytesSinceBase: Int?
  /// Set where the database file holds exactly `transaction`.
  package let file: FileStamp?

  package init(
    url: String, generation: GenerationID, transaction: UInt64, state: DatabaseState, position: WALPosition?,
    isAtRest: Bool, bytesSinceBase: Int?, file: FileStamp?
  ) {
    self.url = url
    self.generation = generation
    self.transaction = transaction
    self.state = state
    self.position = position
    self.isAtRest = isAtRest
    self.bytesSinceBase = bytesSinceBase
    self.file = file
  }

  private static let title = "sqlite3-cloud-s3 position 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("replica", url)
    record.add("generation", generation)
    record.add("transaction", transaction)
    record.add("page-size", state.pageSize)
    record.add("pages", state.pages)
    record.add("checksum", state.checksum)
    if let position {
      let sums = position.checksum
      record.add(
        "wal", "\(position.salt) \(position.frame) \(WALSalt(first: sums.first, second: sums.second))")
    }
    if isAtRest { record.add("rest", "yes") }
    if let bytesSinceBase { record.add("log", bytesSinceBase) }
    if let file { record.add("file", "\(file.size) \(file.modifiedNs) \(file.inode)") }
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    url = try reader.text("replica")
    generation = try reader.value("generation") { GenerationID($0) }
    transaction = try reader.value("transaction") { UInt64($0) }
    state = DatabaseState(
      pageSize: try reader.value("page-size") { Int($0) }, pages: try reader.value("pages") { UInt32($0) },
      checksum: try reader.value("checksum") { Hash128($0) })
    position = record.first("wal").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let salt = WALSalt(String(fields[0])), let frame = Int(fields[1]),
        let sums = WALSalt(String(fields[2]))
      else { return nil }
      return WALPosition(
        salt: salt, frame: frame, checksum: WALChecksum(first: sums.first, second: sums.second))
    }
    isAtRest = record.first("rest") == "yes"
    bytesSinceBase = record.first("log").flatMap { Int($0) }
    file = record.first("file").flatMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 3, let size = Int(fields[0]), let modified = Int64(fields[1]),
        let inode = UInt64(fields[2])
      else { return nil }
      return FileStamp(size: size, modifiedNs: modified, inode: inode)
    }
  }
}
