import ReplicaFormat
import SQLite

/// What of the session a replay has to have too.
extension ReplicationObserver {
  /// Takes note of settings that change what later statements do, and puts the commit hook back.
  ///
  /// > PRAGMA wal_autocheckpoint: this pragma is a wrapper around sqlite3_wal_autocheckpoint(), which sets the hook.
  func didRunPragma(_ connection: Connection, _ statement: Statement, name: String, value: String?) {
    connection.notePragmas()
    if name == "case_sensitive_like" { recorder.hasSetLike = true }
    if name == "optimize", !connection.isInAutocommit {
      recorder.refuse("what PRAGMA optimize does depends on what the session has read")
    }
    // Others must not be repeated: some would stay.
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

  /// Takes note of what the main database's statements may read that a replay does not have.
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
    // The pragma opens nothing, while a look at the TEMP schema makes a database that `.databases` shows.
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
      // The shell's own table of parameters depends on nothing; who reads it is told by the authorizer.
      if kind == "trigger" {
        others.trigger = name
      } else if name != "sqlite_parameters" {
        others.temporary.append(name)
      }
    }
    recorder.others = others
  }

  /// The session's settings as `PRAGMA` statements in one line, and those that SQL cannot set in a comment.
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
    // It can only be set, so ask LIKE itself; setting it changes more than the case, so only where it was.
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
