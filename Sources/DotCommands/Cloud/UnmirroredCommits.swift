import SQLite

/// Commits to a database whose mirror could not begin.
///
/// In `sync` a statement has only succeeded once the store has it, so each of them is a failure.
struct UnmirroredCommits {
  let connection: Connection
  private let reason: String
  private var seen: UInt32

  init(_ connection: Connection, because reason: String) {
    self.connection = connection
    self.reason = reason
    seen = connection.dataVersion
  }

  /// What to report where something was committed since this was last asked.
  mutating func take() -> String? {
    let now = connection.dataVersion
    guard now != seen, connection.isInAutocommit else { return nil }
    seen = now
    return "committed locally, not mirrored: \(reason)"
  }
}
