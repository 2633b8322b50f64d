package import Bytes
package import SQLite

/// The content of a database: its schema and the rows of each table, independent of pages.
package struct DatabaseContent: Sendable {
  package struct Table: Hashable, Sendable {
    package let name: String
    package let rows: Int
    package let hash: Hash128
  }

  /// The schema first, then the tables by name.
  package let tables: [Table]

  static let schema = "sqlite_schema"
  static let schemaQuery = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, sql"

  package var rowCount: Int { tables.dropFirst().reduce(0) { $0 + $1.rows } }

  /// One hash of everything.
  package var hash: Hash128 {
    var bytes: [UInt8] = []
    for table in tables { bytes += "\(table.name)\u{0}\(table.rows)\u{0}\(table.hash)\u{0}".utf8 }
    return Hash128(bytes, 0..<bytes.count)
  }

  /// Reads the whole main database.
  ///
  /// The caller makes sure that it does not change meanwhile.
  package init(
    of connection: Connection, checking checkInterrupt: () throws -> Void = {}
  ) throws {
    var tables = [try Self.table(Self.schema, connection.prepare(Self.schemaQuery), checkInterrupt)]
    for name in try Self.names(connection) {
      tables.append(try Self.table(name, Self.rows(of: name, connection), checkInterrupt))
    }
    self.tables = tables
  }

  /// Returns the names of tables with rows of their own.
  ///
  /// The rows of a virtual table are in its shadow tables.
  static func names(_ connection: Connection) throws(SQLiteError) -> [String] {
    try connection.rows(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"
    )
    .compactMap { if case .text(let name) = $0[0] { name } else { nil } }
  }

  /// Returns a statement that returns a table's rows in the order of its own tree, with their row
  /// numbers if there are any.
  static func rows(of table: String, _ connection: Connection) throws(SQLiteError) -> Statement {
    let name = Identifier.quoted(table)
    let columns = try connection.rows("SELECT lower(name) FROM pragma_table_xinfo(?, 'main')", [.text(table)])
    if let alias = ["rowid", "_rowid_", "oid"].first(where: { !columns.contains([.text($0)]) }) {
      // A table without rowid has no such column, and a table may have as many columns as a result.
      let sql = "SELECT \(alias), * FROM main.\(name) NOT INDEXED"
      do throws(SQLiteError) {
        return try connection.prepare(sql)
      } catch {}
    }
    return try connection.prepare("SELECT * FROM main.\(name) NOT INDEXED")
  }

  private static func table(
    _ name: String, _ statement: Statement, _ checkInterrupt: () throws -> Void
  ) throws -> Table {
    let buffer = ByteBuffer(capacity: 1 << 18)
    var hash = Hash128.zero
    var rows = 0
    func mix() throws {
      try checkInterrupt()
      hash = Hash128(buffer, seed: hash.low ^ hash.high)
      buffer.removeAll()
    }
    while try statement.step() {
      append(statement, to: buffer)
      rows += 1
      if buffer.count >= 1 << 17 { try mix() }
    }
    try mix()
    return Table(name: name, rows: rows, hash: hash)
  }

  /// Appends a row so that different rows give different bytes.
  static func append(_ row: Statement, to buffer: ByteBuffer) {
    func append(_ number: Int64) {
      buffer.append(decimal: number)
      buffer.append(UInt8(ascii: ";"))
    }
    for column in 0..<row.columnCount {
      let kind = row.storageClass(at: column)
      switch kind {
      case .null: buffer.append(0)
      case .integer:
        buffer.append(1)
        append(row.integer(at: column))
      case .real:
        buffer.append(2)
        append(Int64(bitPattern: row.real(at: column).bitPattern))
      case .text, .blob:
        buffer.append(kind == .text ? 3 : 4)
        append(Int64(row.byteCount(at: column)))
        if kind == .text {
          row.appendText(at: column, to: buffer)
        } else {
          row.appendBlob(at: column, to: buffer)
        }
      }
    }
    buffer.append(0xff)
  }
}
