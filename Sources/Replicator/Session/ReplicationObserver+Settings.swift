import ReplicaFormat
import SQLite

/// Records the settings of the session that a replay needs too.
extension ReplicationObserver {
  /// Notes settings that change later statements, and installs the commit hook again.
  ///
  /// > PRAGMA wal_autocheckpoint: this pragma is a wrapper around sqlite3_wal_autocheckpoint(),
  /// > which sets the hook.
  func didRunPragma(_ connection: Connection, _ statement: Statement, name: String, value: String?) {
    connection.notePragmas()
    if name == "case_sensitive_like" { recorder.hasSetLike = true }
    if name == "optimize", !connection.isInAutocommit {
      recorder.refuse("what PRAGMA optimize does depends on what the session has read")
    }
    // Other pragmas must not be repeated, because some would have a lasting effect.
    let isSetting = ReplayRules.settings.contains(name) || name == "case_sensitive_like"
    noteSettings(connection, by: connection.isInAutocommit || !isSetting ? nil : statement)
    armHook()
  }

  /// Reads the settings again.
  func noteSettings(_ connection: Connection, by statement: Statement? = nil) {
    settingsVersion = connection.settingsVersion
    guard let settings = try? sessionSettings(connection) else { return }
    if let statement {
      recorder.change(settings: settings, by: statement)
    } else {
      recorder.change(settings: settings)
    }
  }

  /// Notes objects that statements of the main database may read, and that a replay does not have.
  func noteOtherSchemas(_ connection: Connection) {
    isInternal = true
    defer { isInternal = false }
    connection.schemaDidChange()
    var others = OtherSchemas()
    let virtual = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0"
    let names = ((try? connection.rows(virtual)) ?? []).compactMap { row -> String? in
      if case .text(let name) = row[0] { name } else { nil }
    }
    connection.setVirtualTables(names)
    others.hasStatistics = connection.hasStatistics
    // A DROP may be rolled back.
    others.hasVirtualTables = recorder.others.hasVirtualTables || !names.isEmpty
    // The pragma opens nothing. A read of the TEMP schema creates a database that `.databases`
    // shows.
    for row in (try? connection.rows("PRAGMA database_list")) ?? [] {
      guard case .integer(let number) = row[0], case .text(let name) = row[1] else { continue }
      if number == 1 { others.hasTemporary = true }
      if number > 1 { others.attached.append(name) }
    }
    let temporary = "SELECT name, type FROM temp.sqlite_schema"
    let rows = others.hasTemporary ? (try? connection.rows(temporary)) ?? [] : []
    others.hasTemporary = !rows.isEmpty
    for row in rows {
      guard case .text(let name) = row[0], case .text(let kind) = row[1] else { continue }
      // The shell's own table of parameters is harmless, and the authorizer reports statements that
      // read it.
      if kind == "trigger" {
        others.trigger = name
      } else if name != "sqlite_parameters" {
        others.temporary.append(name)
      }
    }
    recorder.others = others
  }

  /// Returns the session's settings as `PRAGMA` statements in one line.
  ///
  /// Settings that SQL cannot set are in a comment.
  func sessionSettings(_ connection: Connection) throws -> String {
    isInternal = true
    defer { isInternal = false }
    var settings = ""
    for name in ReplayRules.settings {
      switch try connection.value("PRAGMA \(name)") {
      case .integer(let value): settings += "PRAGMA \(name)=\(value); "
      case .text(let value): settings += "PRAGMA \(name)='\(value)'; "
      default: break
      }
    }
    // It cannot be read, so test LIKE itself. To set it has other effects, so do so only if the
    // session did.
    if recorder.hasSetLike, case .integer(let same) = try connection.value("SELECT 'a' LIKE 'A'") {
      settings += "PRAGMA case_sensitive_like=\(1 - same); "
    }
    let switches = connection.unusualSwitches
    if !switches.isEmpty { settings += "/* dbconfig \(switches) */" }
    if connection.isOn("reset_database") { connection.makePeculiar("the database was to be reset") }
    recorder.peculiarity =
      connection.isOn("writable_schema")
      ? "the schema was writable" : connection.sortsInThreads ? "several threads sort" : nil
    return settings
  }
}
