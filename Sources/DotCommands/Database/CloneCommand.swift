internal import Files
internal import SQLite
internal import Shell

/// `.clone`: copies a database into a new file, table by table, as far as it can be read.
struct CloneCommand: DotCommand {
  static let spec = CommandSpec(
    name: "clone", shortest: 1, usage: "NEWDB", summary: "Clone data into NEWDB from the existing database",
    correction: ".clone FILENAME", isSafe: false)
  private let file: String
  init(parsing words: inout Words) throws(CommandError) {
    file = try words.required()
    try words.finish()
  }

  func run(in session: Session) throws {
    // Failures are printed, but the command itself never fails.
    guard !ProcessEnvironment.exists(file) else {
      session.errors.print("File \"\(file)\" already exists.")
      return
    }
    let source = try session.connection
    let target: Connection
    do throws(SQLiteError) {
      target = try Connection(file, [.readWrite, .create, .uri])
    } catch {
      session.errors.print("Cannot create output database: \(error.message)")
      return
    }
    // With this, a damaged schema is read as far as possible.
    try? source.execute("PRAGMA writable_schema=ON;")
    try? target.execute("BEGIN EXCLUSIVE;")
    copySchema(source, target, "type='table'", session, withRows: true)
    copySchema(source, target, "type!='table'", session, withRows: false)
    do throws(SQLiteError) { try target.execute("COMMIT;") } catch {
      session.errors.print("Error: \(error.message)")
    }
    try? source.execute("PRAGMA writable_schema=OFF;")
  }

  private func copySchema(
    _ source: Connection, _ target: Connection, _ condition: String, _ session: Session, withRows: Bool
  ) {
    let order = Dialect.current.namesFailedInsert ? " ORDER BY rowid ASC" : ""
    let query = "SELECT name, sql FROM sqlite_schema WHERE \(condition)\(order)"
    do throws(SQLiteError) {
      try eachRow(of: query, source) { (row) throws(SQLiteError) in
        guard let name = row.text(at: 0), let sql = row.text(at: 1) else { return }
        if name.lowercased() != "sqlite_sequence" || !Dialect.current.clonesNoSequence {
          session.output.writeToStandardOutput("\(name)... ")
          session.output.flush()
          do throws(SQLiteError) {
            try target.execute(sql)
          } catch {
            session.errors.print("Error: \(error.message)\nSQL: [\(sql)]")
          }
        }
        if withRows { copyRows(name, source, target, session) }
        session.output.writeToStandardOutput("done\n")
      }
    } catch {
      session.errors.print("Error: (\(error.code.rawValue)) \(error.message) on [\(query)]")
    }
  }

  /// Copies the rows of an existing table.
  ///
  /// The rows of a virtual table are in its shadow tables, which are copied. Copying them through
  /// the virtual table too would double them or block them.
  private func copyRows(_ table: String, _ source: Connection, _ target: Connection, _ session: Session) {
    let shadows = Self.shadows(target)
    if shadows.contains(where: { $0.hasPrefix(table.lowercased() + "_") }) && Self.isVirtual(table, target) {
      return
    }
    let name =
      "\"" + table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    var failed = "SELECT * FROM \(name)"
    do throws(SQLiteError) {
      if shadows.contains(table.lowercased()) { try target.execute("DELETE FROM \(name)") }
      let columnCount = try source.prepare("SELECT * FROM \(name)").columnCount
      let marks = Array(repeating: "?", count: columnCount).joined(separator: ",")
      let statement = "INSERT OR IGNORE INTO \(name) VALUES(\(marks));"
      if Dialect.current.namesFailedInsert { failed = statement }
      let insert = try target.prepare(statement)
      try eachRow(of: "SELECT * FROM \(name)", source) { (row) throws(SQLiteError) in
        for column in 0..<row.columnCount { try insert.bind(row.value(at: column), at: column + 1) }
        try insert.run()
        insert.reset()
      }
    } catch {
      session.errors.print("Error \(error.code.rawValue): \(error.message) on [\(failed)]")
    }
  }

  /// Returns the names of virtual tables' shadow tables, in lower case.
  private static func shadows(_ connection: Connection) -> [String] {
    let rows = try? connection.rows(
      "SELECT name FROM pragma_table_list WHERE schema='main' AND type='shadow'")
    return (rows ?? []).map { row in
      if case .text(let name) = row[0] { name.lowercased() } else { "" }
    }
  }

  private static func isVirtual(_ table: String, _ connection: Connection) -> Bool {
    let query = "SELECT 1 FROM pragma_table_list WHERE schema='main' AND type='virtual' AND name=?"
    return ((try? connection.value(query, [.text(table)])) ?? nil) != nil
  }

  /// Passes on each row.
  ///
  /// If reading stops at damage, it reads again from the other end.
  ///
  /// Throws what `body` throws, and an error if the query cannot be compiled.
  private func eachRow(
    of query: String, _ connection: Connection, _ body: (Statement) throws(SQLiteError) -> Void
  ) throws(SQLiteError) {
    for order in ["", " ORDER BY rowid DESC"] {
      let statement: Statement
      do throws(SQLiteError) {
        statement = try connection.prepare(query + order)
      } catch {
        // Tables without rowid can be read from one end only.
        if order.isEmpty { throw error }
        return
      }
      var isDamaged = false
      while true {
        do throws(SQLiteError) {
          guard try statement.step() else { break }
        } catch {
          isDamaged = true
          break
        }
        try body(statement)
      }
      if !isDamaged { return }
    }
  }
}
