package import SQLite

/// Describes a table with rows, with everything that a comparison needs.
package struct TableShape: Hashable, Sendable {
  package let name: String
  /// The stored columns, in order.
  package let columns: [String]
  /// The columns of the primary key, in the order of the key; empty if there is no primary key.
  package let primaryKey: [String]
  package let hasRowID: Bool
  /// A name that SQL knows the rowid by; nil if columns hide all such names.
  package let rowID: String?
  /// The column that is an alias of the rowid; nil if there is none.
  package let rowIDColumn: String?
  package let root: UInt32
  package let sql: String

  /// The columns that identify a row in the output: the primary key, or the rowid.
  package var keyNames: [String] { hasRowID ? [rowIDColumn ?? rowID ?? "rowid"] : primaryKey }
}

/// Describes the schema of a database at one moment.
package struct SchemaShape {
  /// Ordinary tables by their names in lower case.
  package private(set) var tables: [String: TableShape] = [:]
  /// Names of virtual tables with the names of their shadow tables, in lower case.
  package private(set) var virtual: [String: [String]] = [:]
  /// The SQL text of every entry of the schema, by kind and name.
  package private(set) var entries: [Entry: String] = [:]
  /// The table of each index and trigger, in lower case.
  package private(set) var owners: [Entry: String] = [:]
  /// The root pages of all trees.
  package private(set) var roots: [(name: String, root: UInt32, isTable: Bool)] = []

  package struct Entry: Hashable, Sendable {
    package let kind: String
    package let name: String
  }

  package init(_ connection: Connection, schema: String = "main") throws {
    let quoted = Identifier.quoted(schema)
    var isWithoutRowID: [String: Bool] = [:]
    var shadows: [String] = []
    for row in try connection.rows(
      "SELECT name, type, wr FROM pragma_table_list WHERE schema = ?1", [.text(schema)])
    {
      guard case .text(let name) = row[0], case .text(let type) = row[1] else { continue }
      isWithoutRowID[name.lowercased()] = row[2] == .integer(1)
      if type == "shadow" { shadows.append(name.lowercased()) }
      if type == "virtual" { virtual[name.lowercased()] = [] }
    }
    for name in shadows {
      let owner = virtual.keys.filter { name.hasPrefix($0 + "_") }.max { $0.utf8.count < $1.utf8.count }
      if let owner { virtual[owner, default: []].append(name) }
    }
    for row in try connection.rows("SELECT type, name, rootpage, sql, tbl_name FROM \(quoted).sqlite_schema")
    {
      guard case .text(let kind) = row[0], case .text(let name) = row[1] else { continue }
      var sql = ""
      if case .text(let text) = row[3] { sql = text }
      let lower = name.lowercased()
      if !lower.hasPrefix("sqlite_"), !shadows.contains(lower) {
        entries[Entry(kind: kind, name: name)] = sql
        if case .text(let owner) = row[4] { owners[Entry(kind: kind, name: name)] = owner.lowercased() }
      }
      guard case .integer(let number) = row[2], let root = UInt32(exactly: number), root > 0 else { continue }
      roots.append((name, root, kind == "table"))
      guard kind == "table", !lower.hasPrefix("sqlite_"), !shadows.contains(lower) else { continue }
      tables[lower] = try Self.table(
        connection, schema, name, hasRowID: isWithoutRowID[lower] != true, root: root, sql: sql)
    }
  }

  private static func table(
    _ connection: Connection, _ schema: String, _ name: String, hasRowID: Bool, root: UInt32, sql: String
  ) throws -> TableShape {
    var columns: [String] = []
    var all: Set<String> = []
    var key: [(order: Int64, name: String, type: String)] = []
    let info = try connection.rows(
      "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1, ?2) ORDER BY cid",
      [.text(name), .text(schema)])
    for row in info {
      guard case .text(let column) = row[0], case .integer(let order) = row[2] else { continue }
      all.insert(column.lowercased())
      var type = ""
      if case .text(let text) = row[1] { type = text }
      if order > 0 { key.append((order, column, type)) }
      if row[3] == .integer(0) { columns.append(column) }
    }
    key.sort { $0.order < $1.order }
    let alias = ["rowid", "_rowid_", "oid"].first { !all.contains($0) }
    var rowIDColumn: String?
    // INTEGER PRIMARY KEY DESC is not an alias of the rowid, and only the list of indexes shows that.
    if hasRowID, key.count == 1, key[0].type.lowercased() == "integer" {
      let indexes = try connection.rows(
        "SELECT 1 FROM pragma_index_list(?1, ?2) WHERE origin = 'pk'", [.text(name), .text(schema)])
      if indexes.isEmpty { rowIDColumn = key[0].name }
    }
    return TableShape(
      name: name, columns: columns, primaryKey: key.map(\.name), hasRowID: hasRowID,
      rowID: hasRowID ? alias ?? rowIDColumn : nil, rowIDColumn: rowIDColumn, root: root, sql: sql)
  }
}
