internal import SQLite

/// Keeps every process from restarting the log.
///
/// Two connections take turns in holding a read transaction: the next begins before the last ends, so there is no
/// moment without one. While one is held, frames after its mark are not copied into the database file, and the log
/// is not restarted unless everything in it had been copied when it began
/// (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files).
final class Guard {
  private let connections: [Connection]
  /// The first to hold something is the first one, whose file and index of the log are read.
  private var active = 1
  private var isHeld = false
  /// Reads the database file.
  let file: DatabaseFile

  /// What a read transaction keeps others from (https://www.sqlite.org/walformat.html#wal_locks).
  enum Place: Equatable {
    /// It reads the database file alone (read lock 0): the log may be restarted, but no frame can be copied.
    case file
    /// It reads so many frames of the log: those may be copied, but the log cannot be restarted.
    case log(frames: Int)
    /// The log changed while the transaction began: either of the two.
    case unknown
  }
  /// Where the guard stands.
  private(set) var place = Place.unknown
  private var nextPlace = Place.unknown

  /// Opens the connections; nothing is held yet.
  init(_ path: String, vfs: String?) throws(SQLiteError) {
    var connections: [Connection] = []
    for _ in 0..<2 {
      let connection = try Connection(path, [.readWrite, .fullMutex], vfs: vfs)
      connection.setBusyTimeout(milliseconds: 1000)
      connection.setAutomaticCheckpoint(frames: 0)
      connection.disableCheckpointOnClose()
      try connection.execute("PRAGMA query_only=1")
      connections.append(connection)
    }
    self.connections = connections
    file = DatabaseFile(connections[0])
  }

  /// Begins to hold what is committed now, and lets go of what was held.
  func renew() throws(SQLiteError) {
    try beginNext()
    try endPrevious()
  }

  /// Begins to hold what is committed now, beside what is held already; `endPrevious` or `cancelNext`
  /// must follow.
  func beginNext() throws(SQLiteError) {
    let before = file.logIndex()
    do throws(SQLiteError) {
      try connections[1 - active].execute("BEGIN; PRAGMA schema_version")
    } catch {
      try? connections[1 - active].execute("ROLLBACK")
      throw error
    }
    nextPlace = Self.place(between: before, and: file.logIndex())
  }

  /// Where a transaction stands that began between two looks at the index.
  ///
  /// > a reader that finds all of the log copied uses read lock 0 and ignores the log
  private static func place(between before: Connection.LogIndex, and after: Connection.LogIndex) -> Place {
    guard case .holds(let salts, let frames, let copied) = before,
      case .holds(let now, let count, let done) = after, salts == now, frames == count
    else { return .unknown }
    if done < frames { return .log(frames: frames) }
    return copied == frames ? .file : .unknown
  }

  /// Lets go of what was held before `beginNext`.
  func endPrevious() throws(SQLiteError) {
    if isHeld { try connections[active].execute("COMMIT") }
    active = 1 - active
    isHeld = true
    place = nextPlace
  }

  /// Lets go of what `beginNext` holds, and goes on holding what was held before.
  func cancelNext() throws(SQLiteError) { try connections[1 - active].execute("COMMIT") }

  /// Copies what is held into the database file, as far as other readers allow.
  ///
  /// On the connection that holds nothing, with synchronous FULL. Call only with frames in the log that were not there
  /// when it was copied last: then the other connection holds a place in the log, which keeps every writer from
  /// restarting it meanwhile (https://www.sqlite.org/wal.html#walresetbug).
  func checkpoint() throws(SQLiteError) -> Connection.CheckpointResult {
    try connections[1 - active].checkpoint(.passive)
  }

  /// Lets go and closes.
  func close() {
    file.close()
    for connection in connections { connection.close() }
  }

  /// Pages of the database and their size, in the snapshot held.
  func size() throws(SQLiteError) -> (pages: UInt32, pageSize: Int) {
    guard case .integer(let pages) = try connections[active].value("PRAGMA page_count"),
      case .integer(let pageSize) = try connections[active].value("PRAGMA page_size")
    else { return (0, 4096) }
    return (UInt32(clamping: pages), Int(pageSize))
  }
}
