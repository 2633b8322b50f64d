internal import Bytes
internal import Render
internal import SQLite

/// Writes schema and content of the main database as SQL that creates it again.
///
/// A comment replaces what cannot be read, and the script then ends with ROLLBACK.
struct DatabaseDump {
  /// The options of the dump.
  struct Options {
    var preservesRowIDs = false
    var keepsLineBreaks = false
    var isDataOnly = false
    var omitsSystemTables = false
    /// LIKE patterns of objects; empty for all.
    var patterns: [String] = []
  }

  private let connection: Connection
  private let options: Options
  private let sink: Sink
  private let complain: (String) -> Void
  private var errorCount = 0
  private var hasVirtualTables = false

  init(
    _ connection: Connection, _ options: Options, to sink: Sink, complain: @escaping (String) -> Void
  ) {
    self.complain = complain
    self.connection = connection
    self.options = options
    self.sink = sink
  }

  mutating func run() throws {
    warn()
    if !options.isDataOnly { print("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n") }
    // One snapshot for everything, and a schema that may be broken.
    try? connection.execute("SAVEPOINT dump; PRAGMA writable_schema=ON")
    writeTables()
    if !options.isDataOnly {
      writeRest()
      if hasVirtualTables { print("PRAGMA writable_schema=OFF;\n") }
    }
    try? connection.execute("PRAGMA writable_schema=OFF")
    try? connection.execute("RELEASE dump")
    if !options.isDataOnly { print(errorCount > 0 ? "ROLLBACK; -- due to errors\n" : "COMMIT;\n") }
  }

  /// Warns that only a connection without defensive mode accepts the script.
  ///
  /// As in sqlite3, the result of a second pattern counts in any case.
  private func warn() {
    guard Dialect.current.warnsOfVirtualTables else { return }
    do throws(SQLiteError) {
      let found = try connection.rows(
        "SELECT 1 FROM sqlite_schema AS o WHERE sql LIKE 'CREATE VIRTUAL TABLE%' AND \(condition) LIMIT 1")
      if found.isEmpty { return }
      print("/* WARNING: Script requires that SQLITE_DBCONFIG_DEFENSIVE be disabled */\n")
    } catch {
      complain("sql error: \(error.message) (\(error.code.primary.rawValue))")
    }
  }

  private func print(_ text: String) {
    sink.buffer.append(text)
    sink.rowEnded()
  }

  /// The condition for the wanted objects, and for the shadow tables of wanted virtual tables.
  private var condition: String {
    guard !options.patterns.isEmpty else { return "true" }
    return options.patterns.map { pattern in
      let like = "name LIKE \(SQLText.literal(pattern)) ESCAPE '\\'"
      return "(\(like) OR EXISTS (SELECT 1 FROM sqlite_schema WHERE \(like)"
        + " AND sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(o.name,1,length(name)+1) == (name||'_')))"
    }.joined(separator: " OR ")
  }

  private mutating func writeTables() {
    let query =
      "SELECT name, type, sql FROM sqlite_schema AS o WHERE (\(condition)) AND type=='table'"
      + " AND sql NOT NULL ORDER BY tbl_name='sqlite_sequence', rowid"
    do throws(SQLiteError) {
      try forEachRow(query) { dump, row in dump.writeTable(row) }
    } catch {
      guard error.code.primary == .corrupt else { return }
      print("/****** CORRUPTION ERROR *******/\n/****** \(error.message) ******/\n")
      do throws(SQLiteError) {
        try forEachRow(query + " ORDER BY rowid DESC") { dump, row in dump.writeTable(row) }
      } catch {
        print("/****** ERROR: \(error.message) ******/\n")
      }
    }
  }

  private mutating func forEachRow(
    _ query: String, _ body: (inout DatabaseDump, Statement) -> Void
  ) throws(SQLiteError) {
    let statement = try connection.prepare(query)
    while try statement.step() { body(&self, statement) }
  }

  private mutating func writeTable(_ row: Statement) {
    guard let name = row.text(at: 0), let sql = row.textBytes(at: 2) else { return }
    if name == "sqlite_sequence" && !options.omitsSystemTables {
      if !options.isDataOnly { print("DELETE FROM sqlite_sequence;\n") }
    } else if TextPattern.glob("sqlite_stat?", name) && !options.omitsSystemTables {
      if !options.isDataOnly { print("ANALYZE sqlite_schema;\n") }
    } else if name.hasPrefix("sqlite_") {
      return
    } else if options.isDataOnly {
      // Only rows follow.
    } else if sql.starts(with: "CREATE VIRTUAL TABLE".utf8) {
      writeVirtualTable(name, sql)
      return
    } else {
      sink.buffer.append(SchemaLine.text(sql))
    }
    writeRows(of: name)
  }

  /// Writes a virtual table into the schema directly, because creating it would create its shadow
  /// tables too.
  private mutating func writeVirtualTable(_ name: String, _ sql: [UInt8]) {
    if !hasVirtualTables {
      print("PRAGMA writable_schema=ON;\n")
      hasVirtualTables = true
    }
    let name = SQLText.literal(name)
    print("INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',\(name),\(name),0,")
    sink.buffer.append(sql, as: .sql)
    print(");\n")
  }

  private mutating func writeRows(of table: String) {
    let columns = TableColumns(of: table, in: connection, withRowID: options.preservesRowIDs)
    guard !columns.names.isEmpty else {
      errorCount += 1
      return
    }
    let target = Identifier.quotedIfNeeded(table)
    var into = target
    var selected = columns.names.map(Identifier.quotedIfNeeded)
    if let rowID = columns.rowID {
      selected.insert(rowID, at: 0)
      into += "(\(selected.joined(separator: ",")))"
    }
    let query = "SELECT \(selected.joined(separator: ",")) FROM \(target)"
    if let error = writeRows(query, into) {
      if error.code.primary == .corrupt {
        print("/****** CORRUPTION ERROR *******/\n")
        // Read from the other end, to reach the rows behind the damage.
        let order = (try? connection.value("PRAGMA reverse_unordered_selects")) ?? .integer(0)
        let isReversed = order == .integer(1)
        try? connection.execute("PRAGMA reverse_unordered_selects=\(isReversed ? 0 : 1)")
        _ = writeRows(query, into)
        try? connection.execute("PRAGMA reverse_unordered_selects=\(isReversed ? 1 : 0)")
      }
      errorCount += 1
    }
  }

  private func writeRows(_ query: String, _ into: String) -> SQLiteError? {
    do throws(SQLiteError) {
      let statement = try connection.prepare(query)
      var renderer = InsertRenderer(into: into, escapesLineBreaks: !options.keepsLineBreaks)
      return renderer.render(statement, to: sink)
    } catch {
      return error
    }
  }

  /// Writes indexes, triggers and views, which follow all rows.
  private mutating func writeRest() {
    let query =
      "SELECT sql FROM sqlite_schema AS o WHERE (\(condition)) AND sql NOT NULL"
      + " AND type IN ('index','trigger','view')"
      + (Dialect.current.dumpsByKind ? " ORDER BY type COLLATE NOCASE DESC" : "")
    do throws(SQLiteError) {
      try forEachRow(query) { dump, row in
        let sql = row.textBytes(at: 0) ?? []
        dump.sink.buffer.append(sql)
        // A comment might reach to the end of the text.
        let mayEndInComment = zip(sql, sql.dropFirst()).contains { $0 == 0x2d && $1 == 0x2d }
        dump.print(mayEndInComment ? "\n;\n" : ";\n")
      }
    } catch {
      print("/**** ERROR: (\(error.code.rawValue)) \(error.message) *****/\n")
      if error.code.primary != .corrupt { errorCount += 1 }
    }
  }
}
