internal import Bytes
internal import SQLite
internal import Shell

/// Prints names of objects of all databases, in as many columns as 80 characters hold.
enum NameList {
  /// Prints the names of the objects for which an SQL condition is true; `pattern` is its
  /// parameter.
  static func show(_ condition: String, _ pattern: String?, in session: Session) throws {
    let connection = try session.connection
    let names: [[UInt8]]
    do throws(SQLiteError) {
      names = try read(condition, pattern ?? "%", connection)
    } catch {
      throw CommandError.message("Error: \(error.message)")
    }
    guard !names.isEmpty else { return }
    // Bytes, not characters.
    let width = names.reduce(0) { max($0, $1.count) }
    let columns = max(1, 80 / (width + 2))
    let rows = (names.count + columns - 1) / columns
    let output = session.output
    for row in 0..<rows {
      for index in stride(from: row, to: names.count, by: rows) {
        if index >= rows { output.write("  ") }
        output.write(names[index])
        output.write(String(repeating: " ", count: width - names[index].count))
      }
      output.write("\n")
    }
  }

  private static func read(
    _ condition: String, _ pattern: String, _ connection: Connection
  ) throws(SQLiteError) -> [[UInt8]] {
    var queries: [String] = []
    for case .text(let schema) in try connection.rows("PRAGMA database_list").map({ $0[1] }) {
      let name = schema == "main" ? "name" : "\(SQLText.literal(schema + "."))||name"
      queries.append("SELECT \(name) FROM \(Identifier.quoted(schema)).sqlite_schema WHERE \(condition)")
    }
    let sql = queries.joined(separator: " UNION ALL ") + " ORDER BY 1"
    return try connection.rows(sql, [.text(pattern)]).map { row in
      guard case .text(let name) = row[0] else { return [] }
      return name.preservedBytes
    }
  }
}
