internal import Bytes
internal import Files
internal import SQLite
internal import Shell

/// One run of `.import`: rows of text into one table, in one transaction.
struct TableImport {
  /// The table that takes the rows.
  struct Target {
    let table: String
    let schema: String?

    /// The name in SQL.
    var quoted: String {
      (schema.map { Identifier.quoted($0) + "." } ?? "") + Identifier.quoted(table)
    }
  }

  private let fields: FieldReader
  /// The name of the input in messages.
  private let name: String
  /// Whether rows with an empty first field are skipped.
  private let skipsEmptyRows: Bool
  private let verbosity: Int
  private let session: Session
  /// The current row: each field followed by a zero byte.
  private let row = ByteBuffer(capacity: 4096)

  init(_ fields: FieldReader, named name: String, skipsEmptyRows: Bool, verbosity: Int, session: Session) {
    self.fields = fields
    self.name = name
    self.skipsEmptyRows = skipsEmptyRows
    self.verbosity = verbosity
    self.session = session
  }

  func run(into target: Target, of connection: Connection, skipping skip: Int64) throws {
    var left = skip
    // At the end of the input, no more rows are skipped.
    while left > 0, !fields.endsInput, !session.input.wasInterrupted() {
      left -= 1
      repeat { row.removeAll() } while fields.next(to: row) && fields.endsColumn
    }
    let columnCount = try columns(of: target, in: connection)
    guard columnCount > 0 else { return }
    let insert =
      "INSERT INTO \(target.quoted) VALUES(" + repeatElement("?", count: columnCount).joined(separator: ",")
      + ")"
    if verbosity >= 2 { session.output.print("Insert using: \(insert)") }
    let statement = try prepare(insert, connection)
    let ownsTransaction = connection.isInAutocommit
    if ownsTransaction { try? connection.execute("BEGIN") }
    let (added, failed, lastFailed) = insertRows(statement, columnCount)
    if session.input.wasInterrupted() {
      // All or nothing. In the user's transaction, the user decides.
      if ownsTransaction { try? connection.execute("ROLLBACK") }
      throw CommandError.message("Error: interrupted" + (ownsTransaction ? ", nothing was imported" : ""))
    }
    if ownsTransaction { try? connection.execute("COMMIT") }
    if verbosity > 0 {
      session.output.print(
        "Added \(added) rows with \(failed) errors using \(fields.line - 1) lines of input")
    }
    // Failed rows are no failure of the command, except the last one.
    if lastFailed { throw CommandError.silent }
  }

  private func prepare(_ sql: String, _ connection: Connection) throws -> Statement {
    do throws(SQLiteError) {
      return try connection.prepare(sql)
    } catch {
      throw CommandError.message("Error: \(error.message)")
    }
  }

  /// Returns the number of columns of the table, which the first row creates if it is missing.
  private func columns(of target: Target, in connection: Connection) throws -> Int {
    if Dialect.current.importNamesSchema { return try countColumns(of: target, in: connection) }
    let query = "SELECT * FROM \(target.quoted)"
    do throws(SQLiteError) {
      return try connection.prepare(query).columnCount
    } catch {
      guard error.message.hasPrefix("no such table: ") else {
        throw CommandError.message("Error: \(error.message)")
      }
    }
    try make(target, in: connection)
    return try prepare(query, connection).columnCount
  }

  /// Returns the same for a table only, without generated columns; a view blocks the table.
  private func countColumns(of target: Target, in connection: Connection) throws -> Int {
    if !connection.hasTable(target.table, schema: target.schema) { try make(target, in: connection) }
    let schema = target.schema.map { ", \(SQLText.literal($0))" } ?? ""
    let query = "SELECT count(*) FROM pragma_table_info(\(SQLText.literal(target.table))\(schema))"
    guard case .integer(let count) = try connection.value(query) else { return 0 }
    return Int(count)
  }

  /// Makes the table from the first row.
  private func make(_ target: Target, in connection: Connection) throws {
    let columns = ImportedColumns(readNames())
    if let renames = columns.renames {
      let text = "Columns renamed during .import \(name) due to duplicates:\n\(renames)"
      if session.isInteractive { session.output.print(text) } else { session.errors.print(text) }
    }
    guard let definitions = columns.definitions else {
      throw CommandError.message("\(name): empty file")
    }
    let name =
      Dialect.current.importNamesSchema
      ? Target(table: target.table, schema: target.schema ?? "main") : target
    let create = "CREATE TABLE \(name.quoted)\(definitions)\n"
    if verbosity >= 1 { session.output.print(create) }
    do throws(SQLiteError) {
      try connection.execute(create)
    } catch {
      throw CommandError.message("\(create) failed:\n\(error.message)")
    }
  }

  private func readNames() -> [String] {
    var names: [String] = []
    repeat {
      row.removeAll()
      guard fields.next(to: row) else { break }
      names.append(String(preserving: row.bytes.prefix { $0 != 0 }))
    } while fields.endsColumn
    return names
  }

  /// Returns how many rows were inserted, how many failed, and whether the last one failed.
  private func insertRows(_ statement: Statement, _ columnCount: Int) -> (Int, Int, Bool) {
    var added = 0
    var failed = 0
    var lastFailed = false
    var offsets = [Int](repeating: -1, count: columnCount)
    repeat {
      let line = fields.line
      guard readRow(&offsets, line) else { continue }
      do throws(SQLiteError) {
        for index in 0..<columnCount {
          if offsets[index] < 0 {
            try statement.bindNull(at: index + 1)
          } else {
            try statement.bindBorrowedText(row, from: offsets[index], at: index + 1)
          }
        }
        try statement.run()
        added += 1
        lastFailed = false
      } catch {
        session.errors.print("\(name):\(line): INSERT failed: \(error.message)")
        failed += 1
        lastFailed = true
      }
      statement.reset()
    } while !fields.endsInput && !session.input.wasInterrupted()
    statement.clearBindings()
    return (added, failed, lastFailed)
  }

  /// Reads a row into `row`, and puts the start of each field into `offsets`, -1 for missing ones.
  ///
  /// Returns false at the end of the input, and for a row that is not taken.
  private func readRow(_ offsets: inout [Int], _ line: Int) -> Bool {
    row.removeAll()
    let columnCount = offsets.count
    for index in 0..<columnCount {
      let start = row.count
      var isThere = fields.next(to: row)
      // After a separator there is a field, even if the input ends there.
      if !isThere, index > 0, Dialect.current.importsEmptyLastField { isThere = true }
      if index == 0 && (!isThere || (skipsEmptyRows && row.isEmpty)) {
        if fields.endsColumn { skipExtras(after: 0, of: columnCount, line) }
        return false
      }
      row.append(0)
      offsets[index] = isThere ? start : -1
      if index < columnCount - 1 && !fields.endsColumn {
        session.errors.print(
          "\(name):\(line): expected \(columnCount) columns but found \(index + 1)"
            + " - filling the rest with NULL")
        for missing in index + 1..<columnCount { offsets[missing] = -1 }
        return true
      }
    }
    if fields.endsColumn { skipExtras(after: columnCount, of: columnCount, line) }
    return true
  }

  private func skipExtras(after first: Int, of columnCount: Int, _ line: Int) {
    let kept = row.count
    var found = first
    repeat {
      _ = fields.next(to: row)
      found += 1
    } while fields.endsColumn
    row.truncate(to: kept)
    session.errors.print(
      "\(name):\(line): expected \(columnCount) columns but found \(found) - extras ignored")
  }
}
