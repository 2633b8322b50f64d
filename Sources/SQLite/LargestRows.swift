internal import CSQLite
internal import Glibc

/// Finds tables of the main database with the largest possible row number.
///
/// SQLite draws their next row numbers at random (https://www.sqlite.org/autoinc.html), and a
/// replay cannot repeat that. Belongs to a connection. A table that once held the number counts
/// forever, deleted or not.
final class LargestRows {
  private var tables: Set<String> = []
  /// A table that got a row which may have such a number, since this was cleared.
  var drawn: String?
  var dataVersion: UInt32 = 0

  var isEmpty: Bool { tables.isEmpty }

  func add(_ table: String) -> Bool { tables.insert(table).inserted }

  func note(_ operation: Int32, _ schema: UnsafePointer<CChar>?, _ table: UnsafePointer<CChar>?, _ row: Int64)
  {
    if row != .max, tables.isEmpty || operation != SQLITE_INSERT { return }
    guard operation != SQLITE_DELETE, let schema, let table, strcmp(schema, "main") == 0 else { return }
    let name = String(cString: table)
    if row == .max {
      tables.insert(name)
    } else if tables.contains(name) {
      drawn = name
    }
  }
}

extension Connection {
  /// Makes `drawnRow` report row numbers that may have been drawn at random, from now on.
  ///
  /// The corresponding C function is `sqlite3_update_hook`.
  package func watchLargestRows() {
    let rows = LargestRows()
    hooks.largestRows = rows
    findLargestRows()
    rows.dataVersion = dataVersion
    sqlite3_update_hook(
      handle,
      { context, operation, schema, table, row in
        guard let context else { return }
        Unmanaged<LargestRows>.fromOpaque(context)._withUnsafeGuaranteedRef {
          $0.note(operation, schema, table, row)
        }
      }, Unmanaged.passUnretained(rows).toOpaque())
  }

  /// The table whose row number may have been drawn at random since `forgetWhatWasDone`; nil for
  /// none.
  package var drawnRow: String? { hooks.largestRows?.drawn }

  /// Whether there is such a table.
  package var hasDrawnRow: Bool { hooks.largestRows?.drawn != nil }

  /// Forgets the effects of earlier statements: random row numbers, and what reached outside.
  package func forgetWhatWasDone() {
    if hooks.largestRows?.drawn != nil { hooks.largestRows?.drawn = nil }
    if outsideReach.latest != nil { outsideReach.latest = nil }
  }

  /// Checks, at the first change of a transaction, whether other connections have made it possible
  /// since the last one.
  ///
  /// Only the main database's own commits are expected: one just now if the transaction has ended
  /// already. After a rollback there is none, so this searches without need.
  package func othersUsedLargestRow() -> Bool {
    guard let rows = hooks.largestRows else { return false }
    let version = dataVersion
    guard version != rows.dataVersion &+ (isInAutocommit ? 1 : 0) else { return false }
    rows.dataVersion = version
    return findLargestRows()
  }

  /// Must be called after a commit of this connection.
  package func noteOwnCommit() { hooks.largestRows?.dataVersion = dataVersion }

  /// Searches the tables again, because they may have other names now.
  package func schemaDidChange() {
    if hooks.largestRows?.isEmpty == false { findLargestRows() }
  }

  /// Checks every table; returns true if a new one was found.
  @discardableResult
  private func findLargestRows() -> Bool {
    guard let largest = hooks.largestRows else { return false }
    return quietly { findLargestRows(largest) }
  }

  private func findLargestRows(_ largest: LargestRows) -> Bool {
    var hasFound = false
    let tables =
      (try? rows(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND NOT wr"))
      ?? []
    for case .text(let table) in tables.map({ $0[0] }) {
      let columns = (try? rows("SELECT lower(name) FROM pragma_table_xinfo(?1)", [.text(table)])) ?? []
      let number = ["rowid", "_rowid_", "oid"].first { name in !columns.contains { $0[0] == .text(name) } }
      let quoted = table.replacing("\"", with: "\"\"")
      // A table whose columns hide all names of the row number counts as holding it.
      guard let number else {
        if largest.add(table) { hasFound = true }
        continue
      }
      let found = try? value("SELECT 1 FROM main.\"\(quoted)\" WHERE \(number) = 9223372036854775807")
      if found == .integer(1), largest.add(table) { hasFound = true }
    }
    return hasFound
  }

  /// A number that changes with each commit of this connection, and with each commit of others that
  /// this one has seen.
  ///
  /// The corresponding C function is `sqlite3_file_control` with `SQLITE_FCNTL_DATA_VERSION`.
  package var dataVersion: UInt32 {
    var version: UInt32 = 0
    sqlite3_file_control(handle, "main", SQLITE_FCNTL_DATA_VERSION, &version)
    return version
  }
}
