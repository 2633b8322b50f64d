/// Whether a connection's loaded statistics are those that a new connection would load.
///
/// Statistics decide the order of rows. SQLite loads them when it reads the schema and after
/// `ANALYZE`, not when they are written. A session's statements are replayed only while its
/// statistics are those of the file, like a replay's.
package struct LoadedStatistics {
  /// The reason why they are not; nil if they are.
  package private(set) var difference: String?
  /// Whether `ANALYZE` has made them those of the open transaction.
  private var areOfTransaction = false
  /// The connection, and the schema's version when they were loaded, while they are those of the
  /// open transaction.
  private var loaded: (connection: Connection, schema: Int64?)?

  package init() {}

  /// Watches a connection that has run statements before.
  package mutating func beginLate(_ connection: Connection) {
    if connection.hasStatistics { differ("statistics of the session may not be those of the file") }
  }

  private mutating func differ(_ reason: String) {
    difference = reason
    areOfTransaction = false
    loaded = nil
  }

  /// Must be called before a statement is recorded that may have written statistics.
  package mutating func noteWriting(_ reach: StatementAccess) {
    if reach.contains(.statistics) { differ("statistics of the session are not those of the file") }
  }

  /// Must be called when a transaction begins to write: other connections may have changed the
  /// statistics that this one has loaded.
  package mutating func noteOthers(_ connection: Connection) {
    if difference == nil, connection.othersHaveCommitted() {
      differ("another connection may have changed the statistics")
    }
  }

  /// Must be called after a statement.
  package mutating func note(_ statement: Statement, succeeded: Bool) {
    let (reach, connection) = (statement.wholeReach, statement.connection)
    guard reach.contains(.analyzes) else { return }
    guard succeeded else { return differ("ANALYZE failed") }
    // No other connection commits before this transaction ends.
    connection.forgetOthers()
    if connection.isInAutocommit {
      difference = nil
    } else {
      areOfTransaction = true
      loaded = (connection, connection.schemaVersion)
    }
  }

  /// Must be called after a commit.
  package mutating func commit() {
    guard areOfTransaction else { return }
    areOfTransaction = false
    loaded = nil
    difference = nil
  }

  /// Must be called after a rollback of a transaction, or of a part of it that may have held an
  /// `ANALYZE`; returns true if old statistics remain.
  ///
  /// SQLite reads the schema again, and statistics with it, if the part changed the schema.
  @discardableResult
  package mutating func rollBack() -> Bool {
    guard areOfTransaction else { return false }
    if let loaded, loaded.connection.schemaVersion != loaded.schema {
      areOfTransaction = false
      self.loaded = nil
      return false
    }
    differ("statistics of the session were rolled back")
    return true
  }
}

extension Connection {
  /// Whether the main database has statistics.
  package var hasStatistics: Bool {
    quietly {
      (try? value("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name GLOB 'sqlite_stat[0-9]'"))
        == .integer(1)
    }
  }

  /// Returns whether other connections have committed since `forgetOthers`, or since the first
  /// call.
  func othersHaveCommitted() -> Bool {
    let version = ownDataVersion
    defer { hooks.ownDataVersion = version }
    return hooks.ownDataVersion != nil && hooks.ownDataVersion != version
  }

  /// Commits of others until now are known.
  package func forgetOthers() { hooks.ownDataVersion = ownDataVersion }

  /// A number that changes with each commit of another connection, and with none of this one's
  /// (https://www.sqlite.org/pragma.html#pragma_data_version).
  private var ownDataVersion: Int64? {
    quietly {
      guard case .integer(let version)? = try? value("PRAGMA main.data_version") else { return nil }
      return version
    }
  }

  /// A number that rises with each change of the main database's schema.
  fileprivate var schemaVersion: Int64? {
    quietly {
      guard case .integer(let version)? = try? value("PRAGMA main.schema_version") else { return nil }
      return version
    }
  }
}
