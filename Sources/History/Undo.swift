package import SQLite

/// Undoes the row changes of one transaction in a database that may have changed since.
///
/// All changes become one new transaction. Its statements contain literals and no parameters, so
/// that the statement log can repeat them. Triggers and foreign keys are off meanwhile, because the
/// transaction's changes already include their effects.
///
/// Belongs to one thread at a time.
package final class Undo {
  private let diff: RowDiff
  private let connection: Connection
  /// The changes to make, in the order of tables.
  package private(set) var changes: [RowChange] = []
  /// The current row for each change; nil if there is none.
  private var present: [RowChange.Row?] = []

  /// A row that differs from the state in which the transaction left it.
  package struct Conflict: Sendable {
    /// The index of the change in `changes`.
    package let index: Int
    package let text: String
  }

  /// Creates an undo; `diff` must compare the states before and after the transaction.
  package init(_ diff: RowDiff, _ connection: Connection) {
    self.diff = diff
    self.connection = connection
  }

  /// Returns the reason why the transaction cannot be undone; nil if it can.
  package func refusal() throws -> String? {
    if let change = diff.schemaChanges.first {
      return "it changed the schema (\(change.kind) \(change.name)): use .restore wal --before"
    }
    if let name = try diff.changedVirtualTables().first {
      return "it changed the virtual table \(name), whose rows are not compared"
    }
    return nil
  }

  /// Finds the changes to make, and throws if a table's current schema does not allow them.
  package func collect() throws {
    let now = try SchemaShape(connection)
    for name in diff.tableNames {
      try diff.forEachChange(of: name) { changes.append($0.inverted) }
    }
    for name in Set(changes.map { $0.table.name.lowercased() }) {
      guard let table = now.tables[name] else {
        throw UndoError("table \(name) does not exist any more")
      }
      let wanted = diff.before.tables[name]
      guard wanted?.hasRowID == table.hasRowID, table.hasRowID || wanted?.primaryKey == table.primaryKey,
        Set(wanted?.columns ?? []).isSubset(of: table.columns)
      else { throw UndoError("the columns or the key of table \(name) have changed") }
      // Triggers are off, so they would not update a full-text index.
      for (entry, text) in now.entries
      where entry.kind == "trigger" && now.owners[entry] == name {
        for table in now.virtual.keys where text.lowercased().contains(table) {
          throw UndoError(
            "the trigger \(entry.name) keeps the virtual table \(table) current with \(name): undo the transaction by hand"
          )
        }
      }
    }
  }

  // MARK: Conflicts

  /// Returns the conflicts: rows whose columns changed again since the transaction changed them.
  package func conflicts() throws -> [Conflict] {
    var found: [Conflict] = []
    present = []
    for (index, change) in changes.enumerated() {
      let row = try row(of: change)
      present.append(row)
      if let text = Self.conflict(change, row) {
        found.append(
          Conflict(index: index, text: "\(change.table.name) \(ChangeScript.condition(change)): \(text)"))
      }
    }
    return found
  }

  private static func conflict(_ change: RowChange, _ present: RowChange.Row?) -> String? {
    guard let left = change.before else { return present == nil ? nil : "a row with this key exists again" }
    guard let present else { return "the row is gone" }
    let columns = change.after == nil ? left.columns : change.differing
    let changed = columns.filter { column in
      guard let old = left.value(column), let now = present.value(column) else { return true }
      return !old.isIdentical(to: now)
    }
    guard !changed.isEmpty else { return nil }
    return changed.map { column in
      "\(column) is \(present.value(column).map { ChangeScript.literal($0) } ?? "gone"), was "
        + (left.value(column).map { ChangeScript.literal($0) } ?? "?")
    }.joined(separator: ", ")
  }

  private func row(of change: RowChange) throws -> RowChange.Row? {
    let now = change.table
    let columns = try columns(of: now.name)
    let names = columns.map { Identifier.quoted($0) }.joined(separator: ", ")
    let statement = try connection.prepare(
      "SELECT \(names) FROM main.\(Identifier.quoted(now.name)) WHERE \(ChangeScript.condition(change))")
    guard try statement.step() else { return nil }
    return RowChange.Row(columns: columns, values: columns.indices.map { statement.value(at: $0) })
  }

  private var columnsFound: [String: [String]] = [:]

  /// Returns the stored columns of a table in its current schema.
  private func columns(of table: String) throws -> [String] {
    if let known = columnsFound[table] { return known }
    let columns = try connection.rows(
      "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0 ORDER BY cid", [.text(table)]
    ).compactMap { row in if case .text(let name) = row[0] { name } else { nil } }
    columnsFound[table] = columns
    return columns
  }

  // MARK: Applying

  /// Changes the rows, all or none, and throws if a row changed since `conflicts` was called.
  package func apply(_ chosen: [Int], isForced: Bool) throws {
    let hadTriggers = connection.isOn("enable_trigger")
    let hadForeignKeys = try connection.value("PRAGMA foreign_keys") == .integer(1)
    connection.set("enable_trigger", false)
    if hadForeignKeys { try connection.execute("PRAGMA foreign_keys=0") }
    defer {
      connection.set("enable_trigger", hadTriggers)
      if hadForeignKeys { try? connection.execute("PRAGMA foreign_keys=1") }
    }
    try connection.execute("BEGIN IMMEDIATE")
    do {
      // No other connection can write now. So the conflicts must be the same as before.
      let conflicts = Set(try self.conflicts().map(\.index))
      guard isForced || conflicts.isDisjoint(with: chosen) else {
        throw UndoError("rows have changed since they were compared; nothing was undone")
      }
      for statement in statements(chosen) { try connection.execute(statement) }
      if hadForeignKeys { try checkForeignKeys() }
      try connection.execute("COMMIT")
    } catch {
      if !connection.isInAutocommit { try? connection.execute("ROLLBACK") }
      throw error
    }
  }

  private func statements(_ chosen: [Int]) -> [String] {
    var (deletes, inserts): ([String], [String]) = ([], [])
    for index in chosen {
      let change = changes[index]
      let now = present[index]
      if now != nil { deletes.append(ChangeScript.delete(change)) }
      guard let wanted = change.after else { continue }
      // In an existing row, only the columns that the transaction changed get their old values.
      let differing = Set(change.differing)
      let row =
        now.map { now in
          RowChange.Row(
            columns: now.columns,
            values: zip(now.columns, now.values).map { column, value in
              differing.contains(column) || change.before == nil ? wanted.value(column) ?? value : value
            })
        } ?? wanted
      inserts.append(ChangeScript.insert(row, change))
    }
    return deletes + inserts
  }

  private func checkForeignKeys() throws {
    let rows = try connection.rows("PRAGMA foreign_key_check")
    guard let first = rows.first, case .text(let table) = first[0] else { return }
    throw UndoError(
      "a foreign key would fail: rows of \(table) would refer to missing rows; nothing was undone")
  }
}

/// The reason why a transaction cannot be undone, or its history cannot be read.
package struct UndoError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
