import SQLite

/// Commits to a database whose mirror could not begin.
///
/// In `sync` a statement has only succeeded once the store has it, so each of them is a failure.
struct UnmirroredCommits {
  let connection: Connection
  private let reason: String
  private var seen: UInt32?

  init(_ connection: Connection, because reason: String) {
    self.connection = connection
    self.reason = reason
    seen = Self.commits(of: connection)
  }

  /// Goes up with each commit of the connection: the pragma tells of those of others, the file control of all
  /// (https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntldataversion).
  private static func commits(of connection: Connection) -> UInt32? {
    guard case .integer(let others)? = try? connection.value("PRAGMA main.data_version") else { return nil }
    return connection.dataVersion &- UInt32(truncatingIfNeeded: others)
  }

  /// What to report where something was committed since this was last asked.
  mutating func take() -> String? {
    guard connection.isInAutocommit, let now = Self.commits(of: connection), now != seen else { return nil }
    // Where it could not be told at the beginning, nothing is known of what was before.
    let isFirst = seen == nil
    seen = now
    if isFirst { return nil }
    return "committed locally, not mirrored: \(reason)"
  }
}
