internal import Files
internal import SQLite
internal import Shell

/// Copies a database into a new file, table by table, as far as it can be read.
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
    // Failures are reported, but the command itself never fails.
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
    try? target.execute("PRAGMA writable_schema=ON; BEGIN EXCLUSIVE;")
    copySchema(source, target, "type='table'", session, withRows: true)
    copySchema(source, target, "type!='table'", session, withRows: false)
    try? target.execute("COMMIT; PRAGMA writable_schema=OFF;")
  }

  private func copySchema(
    _ source: Connection, _ target: Connection, _ condition: String, _ session: Session, withRows: Bool
  ) {
    let rows: [[Value]]
    do throws(SQLiteError) {
      rows = try source.rows("SELECT name, sql FROM sqlite_schema WHERE \(condition)")
    } catch {
      session.errors.print("Error: (\(error.code.rawValue)) \(error.message)")
      return
    }
    for row in rows {
      guard case .text(let name) = row[0], case .text(let sql) = row[1] else { continue }
      session.output.writeToStandardOutput("\(name)... ")
      session.output.flush()
      do throws(SQLiteError) {
        try target.execute(sql)
      } catch {
        session.errors.print("Error: \(error.message)\nSQL: [\(sql)]")
      }
      if withRows { copyRows(name, source, target, session) }
      session.output.writeToStandardOutput("done\n")
    }
  }

  private func copyRows(_ table: String, _ source: Connection, _ target: Connection, _ session: Session) {
    let name =
      "\"" + table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    do throws(SQLiteError) {
      let query = try source.prepare("SELECT * FROM \(name)")
      let marks = Array(repeating: "?", count: query.columnCount).joined(separator: ",")
      let insert = try target.prepare("INSERT OR IGNORE INTO \(name) VALUES(\(marks))")
      while try query.step() {
        for column in 0..<query.columnCount { try insert.bind(query.value(at: column), at: column + 1) }
        try insert.run()
        insert.reset()
      }
    } catch {
      session.errors.print("Error: (\(error.code.rawValue)) \(error.message)")
    }
  }
}
