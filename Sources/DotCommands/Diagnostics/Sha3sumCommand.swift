internal import SQLite
internal import Shell

/// `.sha3sum`: prints SHA-3 hashes of the content of tables.
struct Sha3sumCommand: DotCommand {
  static let spec = CommandSpec(
    name: "sha3sum", shortest: 4, usage: "...", summary: "Compute a SHA3 hash of database content",
    details: [
      "    Options:",
      "      --schema              Also hash the sqlite_schema table",
      "      --sha3-224            Use the sha3-224 algorithm",
      "      --sha3-256            Use the sha3-256 algorithm (default)",
      "      --sha3-384            Use the sha3-384 algorithm",
      "      --sha3-512            Use the sha3-512 algorithm",
      "    Any other argument is a LIKE pattern for tables to hash",
    ], correction: ".sha3sum ?OPTIONS? ?LIKE-PATTERN?")
  private var bits = 224
  private var withSchema = false
  private var showsQuery = false
  private var pattern: String?
  private var unknown: String?

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      guard word.hasPrefix("-") else {
        guard pattern == nil else { throw .usage }
        pattern = word
        // If system tables are asked for, the schema is included.
        if word.lowercased().hasPrefix("sqlite_") { withSchema = true }
        continue
      }
      switch word.dropFirst(word.hasPrefix("--") ? 2 : 1) {
      case "schema": withSchema = true
      case "sha3-224": bits = 224
      case "sha3-256": bits = 256
      case "sha3-384": bits = 384
      case "sha3-512": bits = 512
      case "debug": showsQuery = true
      default:
        unknown = "Unknown option \"\(word)\" on \"\(words.name)\""
        return
      }
    }
  }

  func run(in session: Session) throws {
    if let unknown {
      session.errors.print(unknown)
      for line in Self.spec.lines { session.output.print(line) }
      throw CommandError.silent
    }
    // As in sqlite3, an unreadable table has no hash, and this is no error.
    guard let tables = try? tables(session.connection) else { return try fail() }
    let query = query(of: tables)
    if showsQuery { session.output.print(query) } else { try show(query, session) }
    if tables.isEmpty { try fail() }
    if !showsQuery { try warn(of: tables, session) }
  }

  private func show(_ query: String, _ session: Session) throws {
    // Without tables there is no query, and nothing to print.
    do { try session.run(sql: query) } catch is SQLFailure {}
  }

  private func fail() throws(CommandError) {
    if Dialect.current.sumNeedsTables { throw .message(".sha3sum failed.") }
  }

  /// Prints how many texts are not in their encoding: their hash is that of SQLite's conversion.
  private func warn(of tables: [(name: String, select: String)], _ session: Session) throws {
    guard Dialect.current.sumNeedsTables else { return }
    let connection = try session.connection
    var count: Int64 = 0
    for table in tables where !table.name.hasPrefix("sqlite_") {
      let columns = try connection.rows(
        "SELECT name FROM pragma_table_info(\(SQLText.literal(table.name)))")
      let tests = columns.compactMap { row -> String? in
        guard case .text(let name) = row[0] else { return nil }
        let column = Identifier.quoted(name)
        return "(typeof(\(column)) = 'text' AND CAST(CAST(\(column) AS BLOB) AS TEXT) <> \(column))"
      }
      guard !tests.isEmpty else { continue }
      let query =
        "SELECT count(*) FROM \(Identifier.quoted(table.name)) WHERE \(tests.joined(separator: " OR "))"
      if case .integer(let found)? = try? connection.value(query) { count += found }
    }
    if count > 0 {
      session.output.print(
        "Digest includes \(count) invalidly encoded text field\(count == 1 ? "" : "s").")
    }
  }

  /// Returns the tables to hash, and the query for each.
  private func tables(_ connection: Connection) throws -> [(name: String, select: String)] {
    let system = withSchema ? "" : " AND name NOT LIKE 'sqlite_%'"
    let union = withSchema ? " UNION ALL SELECT 'sqlite_schema'" : ""
    let names = try connection.rows(
      "SELECT lower(name) AS name FROM sqlite_schema WHERE type='table' AND coalesce(rootpage,0)>1\(system)\(union)"
        + " ORDER BY 1 COLLATE nocase")
    var tables: [(name: String, select: String)] = []
    for case .text(let name) in names.compactMap(\.first) {
      if let pattern, !TextPattern.like(pattern, name) { continue }
      guard let select = Self.select(name) else { continue }
      tables.append((name, select))
    }
    return tables
  }

  /// Returns one query that hashes every table, or one for each table if a pattern chose it.
  private func query(of tables: [(name: String, select: String)]) -> String {
    let values = tables.map { "(\(SQLText.literal($0.select)),\(SQLText.literal($0.name)))" }
    let list = values.isEmpty ? ")" : "VALUES" + values.joined(separator: ",")
    let hash =
      pattern == nil
      ? "lower(hex(sha3_query(group_concat(a,''),\(bits)))) AS hash"
      : "lower(hex(sha3_query(a,\(bits)))) AS hash, b AS label"
    return "WITH [sha3sum$query](a,b) AS(\(list)) SELECT \(hash)   FROM [sha3sum$query]"
  }

  /// Returns the query that reads a table in a fixed order; nil for SQLite's own tables.
  private static func select(_ name: String) -> String? {
    switch name {
    case "sqlite_schema": "SELECT type,name,tbl_name,sql FROM sqlite_schema ORDER BY name;"
    case "sqlite_sequence": "SELECT name,seq FROM sqlite_sequence ORDER BY name;"
    case "sqlite_stat1": "SELECT tbl,idx,stat FROM sqlite_stat1 ORDER BY tbl,idx;"
    case "sqlite_stat4": "SELECT * FROM sqlite_stat4 ORDER BY tbl, idx, rowid;\n"
    case _ where name.hasPrefix("sqlite_"): nil
    default: "SELECT * FROM \(Identifier.quoted(name)) NOT INDEXED;"
    }
  }
}
