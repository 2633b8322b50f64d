internal import Bytes
internal import SQLite

/// The statements of the schemas of all databases of a connection.
struct SchemaListing {
  private struct Database {
    let name: String
    /// The prefix of its objects' names; nil for the main database.
    var prefix: String? { name == "main" ? nil : name }
  }

  private let connection: Connection
  private let databases: [Database]
  private let pattern: String?
  private let omitsSystemObjects: Bool

  init(_ connection: Connection, pattern: String?, omitsSystemObjects: Bool) throws(SQLiteError) {
    self.connection = connection
    self.pattern = pattern
    self.omitsSystemObjects = omitsSystemObjects
    databases = try connection.rows("SELECT name FROM pragma_database_list").compactMap { row in
      guard case .text(let name) = row[0] else { return nil }
      return Database(name: name)
    }
  }

  /// Calls `body` for each statement: first all databases in turn, then virtual tables without a
  /// statement.
  func forEach(_ body: ([UInt8]) -> Void) throws(SQLiteError) {
    for database in databases {
      let statement = try connection.prepare(
        "SELECT sql, name FROM \(Identifier.quoted(database.name)).sqlite_schema WHERE "
          + condition(SQLText.literal(database.name)) + "sql IS NOT NULL ORDER BY rowid")
      while try statement.step() {
        guard let sql = statement.textBytes(at: 0) else { continue }
        body(qualified(sql, database.prefix, statement.text(at: 1) ?? ""))
      }
    }
    guard pattern != nil else { return }
    let modules = try connection.rows(
      "SELECT name FROM (SELECT name, name AS tbl_name FROM pragma_module_list) WHERE "
        + condition("'main'") + "true ORDER BY name")
    for case .text(let name) in modules.compactMap(\.first) {
      if let shape = shape(of: name, nil) { body("/* \(shape) */".preservedBytes) }
    }
  }

  /// Returns the condition for an object, followed by `AND`.
  private func condition(_ schema: String) -> String {
    var condition = ""
    if let pattern {
      let subject =
        pattern.contains(".") ? "lower(format('%s.%s',\(schema),tbl_name))" : "lower(tbl_name)"
      let isGlob = pattern.contains { "*?[".contains($0) }
      condition =
        subject + (isGlob ? " GLOB " : " LIKE ") + SQLText.literal(pattern)
        + (isGlob ? " AND " : " ESCAPE '\\'  AND ")
    }
    if omitsSystemObjects { condition += "name NOT LIKE 'sqlite_%' AND " }
    return condition
  }

  /// One query with the same result, for users who want to see it.
  var describedQuery: String {
    var text = "SELECT sql FROM"
    for (index, database) in databases.enumerated() {
      let schema = database.prefix.map(SQLText.literal) ?? "NULL"
      text += index == 0 ? "(" : " UNION ALL "
      text +=
        "SELECT shell_add_schema(sql,\(schema),name) AS sql, type, tbl_name, name, rowid,\(index + 1) AS snum,"
        + " \(SQLText.literal(database.name)) AS sname FROM \(Identifier.quotedIfNeeded(database.name)).sqlite_schema"
    }
    if pattern != nil {
      text +=
        " UNION ALL SELECT shell_module_schema(name), 'table', name, name, name, 9e+99, 'main'"
        + " FROM pragma_module_list"
    }
    return text + ") WHERE " + condition("sname") + "sql IS NOT NULL ORDER BY snum, rowid"
  }

  // MARK: Statements

  /// Returns a statement with its database before the object's name, and a comment with columns
  /// that it does not show.
  private func qualified(_ sql: [UInt8], _ prefix: String?, _ name: String) -> [UInt8] {
    let kinds = ["TABLE", "INDEX", "UNIQUE INDEX", "VIEW", "TRIGGER", "VIRTUAL TABLE"]
    guard let kind = kinds.first(where: { sql.starts(with: "CREATE \($0) ".utf8) }) else { return sql }
    var text = sql
    if let prefix {
      let head = "CREATE \(kind) "
      text = (head + Self.schemaName(prefix) + ".").preservedBytes + sql.dropFirst(head.utf8.count)
    }
    if kind.hasPrefix("V"), let shape = shape(of: name, prefix) { text += "\n/* \(shape) */".preservedBytes }
    return text
  }

  /// Returns a table's name with its columns in parentheses; nil if it has none.
  private func shape(of table: String, _ prefix: String?) -> String? {
    let query = "PRAGMA \(Identifier.quoted(prefix ?? "main")).table_info=\(SQLText.literal(table))"
    guard let rows = try? connection.rows(query), !rows.isEmpty else { return nil }
    let names = rows.map { row in
      guard case .text(let name) = row[1] else { return "" }
      return Identifier.quotedIfNeeded(name)
    }
    return (prefix.map { Self.schemaName($0) + "." } ?? "") + Identifier.quotedIfNeeded(table)
      + "(" + names.joined(separator: ",") + ")"
  }

  /// `temp` is a keyword that needs no quotes here.
  private static func schemaName(_ name: String) -> String {
    name.lowercased() == "temp" ? name : Identifier.quotedIfNeeded(name)
  }
}
