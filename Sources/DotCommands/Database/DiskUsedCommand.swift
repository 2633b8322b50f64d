internal import SQLite
internal import Shell

/// `.diskused`: shows how much of the file each table and index takes.
struct DiskUsedCommand: DotCommand {
  static let spec = CommandSpec(
    name: "diskused", shortest: 8, usage: "?PATTERN?", summary: "Show pages and bytes of tables and indexes",
    details: ["   PATTERN is a LIKE pattern for the names of tables and indexes"], isLater: true)
  private let pattern: String?
  init(parsing words: inout Words) throws(CommandError) {
    pattern = words.optional()
    try words.finish()
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    let condition = pattern.map { " WHERE name LIKE \(SQLText.literal($0))" } ?? ""
    let query =
      "SELECT name, count(*) AS pages, sum(pgsize) AS bytes, sum(unused) AS unused FROM dbstat\(condition)"
      + " GROUP BY name ORDER BY bytes DESC, name"
    let rows: [[Value]]
    do throws(SQLiteError) { rows = try connection.rows(query) } catch {
      throw CommandError.message("show the use of the file: \(error.message)")
    }
    let table =
      [["pages", "bytes", "unused", "name"]]
      + rows.map { [text($0[1]), text($0[2]), text($0[3]), text($0[0])] }
    let widths = (0..<3).map { column in table.map { $0[column].utf8.count }.max() ?? 0 }
    for row in table {
      let numbers = (0..<3).map { String(repeating: " ", count: widths[$0] - row[$0].utf8.count) + row[$0] }
      session.output.print((numbers + [row[3]]).joined(separator: "  "))
    }
  }

  private func text(_ value: Value) -> String {
    switch value {
    case .integer(let number): String(number)
    case .text(let text): text
    default: ""
    }
  }
}
