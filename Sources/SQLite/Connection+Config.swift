internal import Bytes
internal import CSQLite

extension Connection {
  /// A switch of a connection that takes a truth value
  /// (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html).
  package struct Switch: Sendable {
    package let name: String
    let operation: Int32

    /// Switches of later libraries than the one of the build, which have no names there
    /// (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html).
    private static let later =
      Dialect.current.hasScanSwitches
      ? [
        Switch(name: "reverse_scanorder", operation: 1019), Switch(name: "stmt_scanstatus", operation: 1018),
      ]
      : []

    /// All switches, by name.
    package static let all: [Switch] = (known + later).sorted { $0.name < $1.name }

    private static let known: [Switch] = [
      Switch(name: "defensive", operation: SQLITE_DBCONFIG_DEFENSIVE),
      Switch(name: "dqs_ddl", operation: SQLITE_DBCONFIG_DQS_DDL),
      Switch(name: "dqs_dml", operation: SQLITE_DBCONFIG_DQS_DML),
      Switch(name: "enable_fkey", operation: SQLITE_DBCONFIG_ENABLE_FKEY),
      Switch(name: "enable_qpsg", operation: SQLITE_DBCONFIG_ENABLE_QPSG),
      Switch(name: "enable_trigger", operation: SQLITE_DBCONFIG_ENABLE_TRIGGER),
      Switch(name: "enable_view", operation: SQLITE_DBCONFIG_ENABLE_VIEW),
      Switch(name: "fts3_tokenizer", operation: SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER),
      Switch(name: "legacy_alter_table", operation: SQLITE_DBCONFIG_LEGACY_ALTER_TABLE),
      Switch(name: "legacy_file_format", operation: SQLITE_DBCONFIG_LEGACY_FILE_FORMAT),
      Switch(name: "load_extension", operation: SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION),
      Switch(name: "no_ckpt_on_close", operation: SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE),
      Switch(name: "reset_database", operation: SQLITE_DBCONFIG_RESET_DATABASE),
      Switch(name: "trigger_eqp", operation: SQLITE_DBCONFIG_TRIGGER_EQP),
      Switch(name: "trusted_schema", operation: SQLITE_DBCONFIG_TRUSTED_SCHEMA),
      Switch(name: "writable_schema", operation: SQLITE_DBCONFIG_WRITABLE_SCHEMA),
    ]

    static func named(_ name: String) -> Switch? { all.first { $0.name == name } }
  }

  /// Reads a switch.
  ///
  /// The corresponding C function is `sqlite3_db_config`.
  package func isOn(_ option: Switch) -> Bool {
    var now: Int32 = 0
    csqlite_db_config(handle, option.operation, -1, &now)
    return now != 0
  }

  /// Turns a switch on or off.
  ///
  /// The corresponding C function is `sqlite3_db_config`.
  package func set(_ option: Switch, _ isOn: Bool) {
    var now: Int32 = 0
    csqlite_db_config(handle, option.operation, isOn ? 1 : 0, &now)
    settingsVersion &+= 1
  }

  /// Runs `body`, which may make tables with names that SQLite reserves.
  ///
  /// Observers of the settings learn nothing: the settings are restored afterwards.
  package func allowingSystemNames(_ body: () -> Void) {
    let switches = [(SQLITE_DBCONFIG_DEFENSIVE, Int32(0)), (SQLITE_DBCONFIG_WRITABLE_SCHEMA, Int32(1))]
    var before: [Int32] = []
    for (operation, value) in switches {
      var now: Int32 = 0
      csqlite_db_config(handle, operation, -1, &now)
      before.append(now)
      csqlite_db_config(handle, operation, value, &now)
    }
    defer {
      for ((operation, _), value) in zip(switches, before) {
        var now: Int32 = 0
        csqlite_db_config(handle, operation, value, &now)
      }
    }
    body()
  }

  /// Returns whether the switch of this name is on.
  package func isOn(_ name: String) -> Bool { Switch.named(name).map { isOn($0) } ?? false }

  /// Turns the switch of this name on or off; unknown names are ignored.
  package func set(_ name: String, _ isOn: Bool) {
    if let option = Switch.named(name) { set(option, isOn) }
  }

  /// The switches that differ from a new connection's and that no `PRAGMA` sets, as
  /// `name=0 name=1`.
  package var unusualSwitches: String {
    Self.replayed.filter { isOn($0.option) != $0.normal }
      .map { "\($0.option.name)=\($0.normal ? 0 : 1)" }.joined(separator: " ")
  }

  /// Returns whether a switch may be in `unusualSwitches`.
  package static func isReplayed(switch name: String) -> Bool { replayed.contains { $0.option.name == name } }

  /// Sets the switches from another connection's `unusualSwitches`; switches that guard a replay
  /// stay on.
  package func setUnusualSwitches(_ text: some StringProtocol) {
    let words = text.split(separator: " ")
    for (option, normal) in Self.replayed where option.name != "defensive" || hooks.replay == nil {
      let wanted = words.first { $0.hasPrefix(option.name + "=") }.map { $0.hasSuffix("1") } ?? normal
      if isOn(option) != wanted { set(option, wanted) }
    }
  }

  /// The switches that change the effect of statements, with their value in a new connection.
  private static let replayed: [(option: Switch, normal: Bool)] = {
    guard let fresh = try? Connection(":memory:") else { return [] }
    return [
      "defensive", "dqs_ddl", "dqs_dml", "enable_qpsg", "enable_trigger", "enable_view", "legacy_file_format",
    ].compactMap { Switch.named($0) }.map { ($0, fresh.isOn($0)) }
  }()

  /// A limit of a connection (https://www.sqlite.org/c3ref/c_limit_attached.html).
  package struct Limit: Sendable {
    package let name: String
    let identifier: Int32

    /// All limits, in the order of their numbers.
    package static let all: [Limit] = [
      "length", "sql_length", "column", "expr_depth", "compound_select", "vdbe_op", "function_arg",
      "attached",
      "like_pattern_length", "variable_number", "trigger_depth", "worker_threads",
    ].enumerated().map { Limit(name: $1, identifier: Int32($0)) }
  }

  /// Reads a limit.
  ///
  /// The corresponding C function is `sqlite3_limit`.
  package func value(of limit: Limit) -> Int32 { sqlite3_limit(handle, limit.identifier, -1) }

  /// Changes a limit.
  ///
  /// The corresponding C function is `sqlite3_limit`.
  package func set(_ limit: Limit, to value: Int32) {
    sqlite3_limit(handle, limit.identifier, value)
    hasOwnLimits = true
  }

  /// Whether several threads may sort rows, so that equal rows come in any order.
  package var sortsInThreads: Bool { sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, -1) > 0 }

  /// Whether the main database uses the VFS whose clock `StatementTime` replaces.
  package var hasWatchedClock: Bool {
    var vfs: UnsafeMutablePointer<sqlite3_vfs>?
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_VFS_POINTER, &vfs)
    return StatementTime.watches(vfs)
  }

  /// Allows SQL and this program to load extensions.
  ///
  /// The corresponding C function is `sqlite3_enable_load_extension`.
  package func allowExtensions() { sqlite3_enable_load_extension(handle, 1) }

  /// Loads an extension library.
  ///
  /// The corresponding C function is `sqlite3_load_extension`.
  package func loadExtension(_ file: String, entryPoint: String?) throws(SQLiteError) {
    peculiarity = "the extension \(file) is loaded"
    var message: UnsafeMutablePointer<CChar>?
    let code = file.withPreservedCString { sqlite3_load_extension(handle, $0, entryPoint, &message) }
    guard code == SQLITE_OK else {
      let text = message.map { String(preservingCString: $0) } ?? ResultCode(rawValue: code).meaning
      sqlite3_free(message)
      throw SQLiteError(code: ResultCode(rawValue: code), message: text)
    }
  }
}
