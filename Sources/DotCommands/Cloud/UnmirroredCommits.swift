import SQLite

/// Detects commits to a database whose mirror could not begin.
///
/// In `sync` a statement succeeds only if the store has it, so each such commit is a failure.
struct UnmirroredCommits {
  let connection: Connection
  private let reason: String
  private var seen: UInt32?

  init(_ connection: Connection, because reason: String) {
    self.connection = connection
    self.reason = reason
    seen = Self.commits(of: connection)
  }

  /// Counts each commit of the connection.
  ///
  /// The pragma counts those of other connections, the file control all
  /// (https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html#sqlitefcntldataversion).
  private static func commits(of connection: Connection) -> UInt32? {
    guard case .integer(let others)? = try? connection.value("PRAGMA main.data_version") else { return nil }
    return connection.dataVersion &- UInt32(truncatingIfNeeded: others)
  }

  /// Returns the error if something was committed since the last call.
  mutating func take() -> String? {
    guard connection.isInAutocommit, let now = Self.commits(of: connection), now != seen else { return nil }
    // If the count was unknown at the beginning, nothing is known about earlier commits.
    let isFirst = seen == nil
    seen = now
    if isFirst { return nil }
    return "committed locally, not mirrored: \(reason)"
  }
}
