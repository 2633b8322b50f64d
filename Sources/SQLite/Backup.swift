internal import Bytes
internal import CSQLite

/// A copy of one database over another, page by page (https://www.sqlite.org/backup.html).
package enum Backup {
  /// The result of a copy.
  package enum Outcome: Sendable { case done, busy, failed }

  /// Copies a schema of `source` over a schema of `target`.
  ///
  /// A locked source is tried again every tenth of a second, up to `patience` times. Throws if the
  /// copy could not start. Notifies the target's observer that its content changed.
  package static func copy(
    _ source: Connection, _ sourceSchema: String, to target: Connection, _ targetSchema: String,
    patience: Int = 0
  ) throws(SQLiteError) -> Outcome {
    let begun = targetSchema.withPreservedCString { to in
      sourceSchema.withPreservedCString { sqlite3_backup_init(target.handle, to, source.handle, $0) }
    }
    guard let backup = begun else { throw target.error(.error) }
    var waits = 0
    var code = sqlite3_backup_step(backup, 100)
    while code == SQLITE_OK || (code == SQLITE_BUSY && waits < patience) {
      if code == SQLITE_BUSY {
        waits += 1
        sqlite3_sleep(100)
      }
      code = sqlite3_backup_step(backup, 100)
    }
    sqlite3_backup_finish(backup)
    target.observer?.contentDidChange(target, by: "backup")
    switch code {
    case SQLITE_DONE: return .done
    case SQLITE_BUSY, SQLITE_LOCKED: return .busy
    default: return .failed
    }
  }
}
