import ObjectStore
import SQLite

/// Suspends the mirror for settings that need the database exclusively: journal and locking mode.
///
/// > a change of the journal mode away from WAL needs an exclusive lock, which the mirror's own
/// > connections would deny (https://www.sqlite.org/wal.html#persistence_of_wal_mode).
extension ReplicationObserver {
  /// Releases the database before a statement that sets another journal mode or an exclusive lock.
  func suspendIfNeeded(_ statement: Statement, _ connection: Connection) {
    guard case .pragma(let name, let value, let schema) = statement.control, connection.isInAutocommit,
      schema.map({ $0.lowercased() == "main" }) ?? true
    else { return }
    if name == "wal_checkpoint" { pipeline?.checkpointer.giveWay(to: connection) }
    guard let value = value?.lowercased() else { return }
    // SQLite sets the locking mode when it compiles the pragma, and the journal mode when it runs
    // it.
    let changesJournal = name == "journal_mode" && value != "wal" && statement.explainLevel == 0
    guard changesJournal || name == "locking_mode" && value == "exclusive" else { return }
    var isFlushed = true
    do {
      try flush(seconds: settings.flushTimeout)
    } catch {
      isFlushed = false
      notices.add("mirror: not everything is in \(store.url): \(error)")
    }
    release(isFlushed: isFlushed)
    phase = .suspended("the mirror is suspended")
    hasChangedSuspended = false
  }

  /// Suspends a mirror that cannot begin; in `sync`, later commits then fail.
  func refuse(_ error: any Error) {
    phase = .suspended("\(error)")
    hasChangedSuspended = false
    notices.add("mirror off: \(error)")
  }

  /// Resumes the mirror after a statement, if that is possible again.
  func didEndSuspended(_ statement: Statement) {
    guard let connection else { return }
    guard statement.control.isPragma else {
      let isCommit = if case .commit = statement.control { true } else { false }
      guard connection.isInAutocommit, !statement.isReadOnly || isCommit else { return }
      hasChangedSuspended = true
      if settings.durability == .sync {
        failures.append("committed locally, not mirrored: \(suspension ?? "")")
      }
      return
    }
    guard let reason = reasonToStaySuspended(connection) else {
      do {
        try start(wasEmpty: false)
      } catch {
        refuse(error)
      }
      return
    }
    if reason != suspension { notices.add("mirror off: \(reason)") }
    phase = .suspended(reason)
  }

  private func reasonToStaySuspended(_ connection: Connection) -> String? {
    isInternal = true
    defer { isInternal = false }
    let path = connection.fileName() ?? ""
    guard case .text(let mode) = try? connection.value("PRAGMA main.journal_mode") else {
      return "the journal mode of \(path) is not known"
    }
    // A database that was never mirrored gets WAL mode when mirroring begins.
    if hasBegun, mode != "wal" { return "\(path) is not mirrored while its journal mode is \(mode)" }
    if (try? connection.value("PRAGMA main.locking_mode")) == .text("exclusive") {
      return "\(path) is not mirrored while its locking mode is exclusive"
    }
    return nil
  }
}
