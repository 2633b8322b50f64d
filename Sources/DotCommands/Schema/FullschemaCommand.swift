internal import Render
internal import SQLite
internal import Shell

/// `.fullschema`: prints the schema and the content of the statistics tables.
struct FullschemaCommand: DotCommand {
  static let spec = CommandSpec(
    name: "fullschema", shortest: 1, usage: "?--indent?",
    summary: "Show schema and the content of sqlite_stat tables")
  private var indents = false

  init(parsing words: inout Words) throws(CommandError) {
    if words.count == 1, let word = words.peek, word == "-indent" || word == "--indent" {
      indents = true
      _ = words.optional()
    }
    try words.finish()
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    let output = session.output
    // Unreadable tables count as absent.
    let query =
      "SELECT sql FROM (SELECT sql sql, type type, tbl_name tbl_name, name name, rowid x FROM sqlite_schema"
      + " UNION ALL SELECT sql, type, tbl_name, name, rowid FROM sqlite_temp_schema)"
      + " WHERE type!='meta' AND sql NOTNULL AND name NOT LIKE 'sqlite_%' ORDER BY x"
    var statistics: Statement?
    var isUnreadable = false
    do throws(SQLiteError) {
      let statement = try connection.prepare(query)
      while try statement.step() {
        guard let sql = statement.textBytes(at: 0) else { continue }
        output.write(indents ? SchemaLine.indented(sql) : SchemaLine.text(sql))
      }
      statistics = try connection.prepare(
        "SELECT rowid FROM sqlite_schema WHERE name GLOB 'sqlite_stat[134]'")
    } catch {
      isUnreadable = true
    }
    guard (try? statistics?.step()) == true else {
      output.print("/* No STAT tables available */")
      if isUnreadable { throw CommandError.silent }
      return
    }
    statistics?.reset()
    output.print("ANALYZE sqlite_schema;")
    for table in ["sqlite_stat1", "sqlite_stat4"] {
      guard let statement = try? connection.prepare("SELECT * FROM \(table)") else { continue }
      var renderer = InsertRenderer(into: table)
      _ = renderer.render(statement, to: output.sink)
    }
    output.print("ANALYZE sqlite_schema;")
  }
}
