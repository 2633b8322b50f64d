internal import SQLite

/// Keeps every process from restarting the log.
///
/// Two connections take turns in holding a read transaction: the next begins before the last ends, so there is no
/// moment without one. While one is held, frames after its mark are not copied into the database file, and the log
/// is not restarted unless everything in it had been copied when it began
/// (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files).
final class Guard {
  private let connections: [Connection]
  private var active = 0
  private var isHeld = false
  /// Reads the database file.
  let file: DatabaseFile

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
    let next = isHeld ? 1 - active : active
    try connections[next].execute("BEGIN; PRAGMA schema_version")
    if isHeld { try connections[active].execute("COMMIT") }
    active = next
    isHeld = true
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
