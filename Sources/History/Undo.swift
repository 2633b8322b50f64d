package import SQLite

/// The row changes of one transaction turned round, for a database that may have changed since.
///
/// All changes are one new transaction. Its statements are plain, with literals, so that the statement log can repeat them.
/// Triggers and foreign keys are off while they run, as what these did is among the changes. Belongs to one thread at a time.
package final class Undo {
  private let diff: RowDiff
  private let connection: Connection
  /// What is to be done, in the order of tables.
  package private(set) var changes: [RowChange] = []
  /// The row as it is now, for each change.
  private var present: [RowChange.Row?] = []

  /// A row that is not as the transaction left it.
  package struct Conflict: Sendable {
    /// Number of the change.
    package let index: Int
    package let text: String
  }

  /// `diff` compares the states before and after the transaction.
  package init(_ diff: RowDiff, _ connection: Connection) {
    self.diff = diff
    self.connection = connection
  }

  /// Why the transaction cannot be taken back; nil if it can.
  package func refusal() throws -> String? {
    if let change = diff.schemaChanges.first {
      return "it changed the schema (\(change.kind) \(change.name)): use .restore wal --before"
    }
    if let name = try diff.changedVirtualTables().first {
      return "it changed the virtual table \(name), whose rows are not compared"
    }
    return nil
  }

  /// Finds the changes.
  package func collect() throws {
    let now = try SchemaShape(connection)
    for name in diff.tableNames {
      try diff.forEachChange(of: name) { changes.append($0.inverted) }
    }
    for name in Set(changes.map { $0.table.name.lowercased() }) {
      guard let table = now.tables[name] else {
        throw UndoError("there is no table \(name) any more")
      }
      let wanted = diff.before.tables[name]
      guard wanted?.hasRowID == table.hasRowID, table.hasRowID || wanted?.primaryKey == table.primaryKey,
        Set(wanted?.columns ?? []).isSubset(of: table.columns)
      else { throw UndoError("table \(name) has another form now") }
      // Triggers are off: a full-text index that they keep would not hear of it.
      for (entry, text) in now.entries
      where entry.kind == "trigger" && now.owners[entry] == name {
        for table in now.virtual.keys where text.lowercased().contains(table) {
          throw UndoError(
            "the trigger \(entry.name) keeps the virtual table \(table) current with \(name): take it back by hand"
          )
        }
      }
    }
  }

  // MARK: Conflicts

  /// Rows that are not as the transaction left them, in the columns that it changed.
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
    guard let left = change.before else { return present == nil ? nil : "a row with this key is there again" }
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

  /// Stored columns of a table as it is now.
  private func columns(of table: String) throws -> [String] {
    if let known = columnsFound[table] { return known }
    let columns = try connection.rows(
      "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0 ORDER BY cid", [.text(table)]
    ).compactMap { row in if case .text(let name) = row[0] { name } else { nil } }
    columnsFound[table] = columns
    return columns
  }

  // MARK: Doing it

  /// Changes the rows, all or none.
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
      // Now nobody else can change a row: what was seen must still be so.
      let conflicts = Set(try self.conflicts().map(\.index))
      guard isForced || conflicts.isDisjoint(with: chosen) else {
        throw UndoError("rows were changed meanwhile; nothing was changed")
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
      // Of a row that is there, only what the transaction changed goes back.
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
      "it would leave rows of \(table) without the rows that they refer to; nothing was changed")
  }
}

/// Why a transaction cannot be taken back.
package struct UndoError: Error, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
