internal import SQLite

/// Prevents every process from restarting the log.
///
/// Two connections hold a read transaction in turns. The next one begins before the last one ends,
/// so one is always held. While it is held, frames after its mark are not copied into the database
/// file. The log is not restarted unless everything in it had been copied when the transaction
/// began (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files).
///
/// Callers hold the lock of `Capturer`.
final class Guard {
  private let connections: [Connection]
  /// The first connection holds first, because its file and index of the log are read.
  private var active = 1
  private var isHeld = false
  /// Reads the database file.
  let file: DatabaseFile

  /// The locks that a read transaction holds (https://www.sqlite.org/walformat.html#wal_locks).
  enum Place: Equatable {
    /// It reads the database file alone (read lock 0): the log may be restarted, but no frame
    /// copied.
    case file
    /// It reads `frames` frames of the log: they may be copied, but the log cannot be restarted.
    case log(frames: Int)
    /// The log changed while the transaction began, so it is either of the two.
    case unknown
  }
  /// The current place of the guard.
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

  /// Holds the current commits, and releases the previous ones.
  func renew() throws(SQLiteError) {
    try beginNext()
    try endPrevious()
  }

  /// Holds the current commits besides the previous ones.
  ///
  /// Call `endPrevious` or `cancelNext` afterwards.
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

  /// Returns the place of a transaction that began between two reads of the index.
  ///
  /// > a reader that finds all of the log copied uses read lock 0 and ignores the log
  private static func place(between before: Connection.LogIndex, and after: Connection.LogIndex) -> Place {
    guard case .holds(let salts, let frames, let copied) = before,
      case .holds(let now, let count, let done) = after, salts == now, frames == count
    else { return .unknown }
    if done < frames { return .log(frames: frames) }
    return copied == frames ? .file : .unknown
  }

  /// Releases the commits that were held before `beginNext`.
  func endPrevious() throws(SQLiteError) {
    if isHeld { try connections[active].execute("COMMIT") }
    active = 1 - active
    isHeld = true
    place = nextPlace
  }

  /// Releases the commits of `beginNext`, and keeps the previous ones.
  func cancelNext() throws(SQLiteError) { try connections[1 - active].execute("COMMIT") }

  /// Copies the held frames into the database file, if other readers permit it.
  ///
  /// It runs on the connection that holds nothing, with `synchronous=FULL`. Call it only if the log
  /// has frames that were not there at the last copy. Then the other connection holds a place in
  /// the log, which keeps every writer from a restart
  /// (https://www.sqlite.org/wal.html#walresetbug).
  func checkpoint() throws(SQLiteError) -> Connection.CheckpointResult {
    try connections[1 - active].checkpoint(.passive)
  }

  /// Releases the memory that SQLite can read again.
  func trim() { for connection in connections { connection.releaseMemory() } }

  /// Releases everything, and closes the connections.
  func close() {
    file.close()
    for connection in connections { connection.close() }
  }

  /// Returns the number of pages and their size, in the held snapshot.
  func size() throws(SQLiteError) -> (pages: UInt32, pageSize: Int) {
    guard case .integer(let pages) = try connections[active].value("PRAGMA page_count"),
      case .integer(let pageSize) = try connections[active].value("PRAGMA page_size")
    else { return (0, 4096) }
    return (UInt32(clamping: pages), Int(pageSize))
  }
}
