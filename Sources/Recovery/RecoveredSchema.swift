internal import SQLite

/// A row of a schema, as it was found.
struct SchemaRow {
  let type: String
  let name: String
  let root: Int
  let sql: String

  var isTable: Bool { type == "table" }
  var isVirtual: Bool { isTable && TextPattern.like("create virtual%", sql) }
  /// Whether rows must wait until it exists.
  var isUniqueIndex: Bool { type == "index" && TextPattern.like("%unique%", sql) }

  /// Fails (nil) if a necessary field is missing.
  init?(_ values: [Value]) {
    func text(_ index: Int) -> String? {
      guard index < values.count, case .text(let text) = values[index] else { return nil }
      return text
    }
    guard let type = text(0), let name = text(1), let sql = text(4) else { return nil }
    self.type = type
    self.name = name
    self.sql = sql
    if case .integer(let number) = values[3] { root = Int(truncatingIfNeeded: number) } else { root = 0 }
  }
}

/// How the fields of a table's records map to its columns.
struct TableLayout {
  struct Column {
    let name: String
    /// The field of the record; nil for a column that is computed.
    let field: Int?
    /// Whether a value may be inserted.
    let isGiven: Bool
  }

  let name: String
  let root: Int
  let columns: [Column]
  /// The column that is the row id; nil if there is none.
  let rowIDColumn: Int?
  let hasRowIDs: Bool

  /// Reads this from a connection that has the table.
  init?(_ row: SchemaRow, in connection: Connection) {
    let literal = SQLText.literal(row.name)
    guard let info = try? connection.rows("PRAGMA table_xinfo(\(literal))"), !info.isEmpty else { return nil }
    name = row.name
    root = row.root
    // The columns of a table without row ids, in the order of its records.
    let keys = ((try? connection.rows("PRAGMA index_xinfo(\(literal))")) ?? []).compactMap { row -> Int64? in
      if case .integer(let column) = row[1] { column } else { nil }
    }
    hasRowIDs = keys.isEmpty
    var next = 0
    var columns: [Column] = []
    var rowIDColumn: Int?
    for (index, row) in info.enumerated() {
      guard case .text(let name) = row[1], case .integer(let key) = row[5], case .integer(let hidden) = row[6]
      else { return nil }
      var field: Int?
      if !keys.isEmpty {
        field = keys.firstIndex(of: Int64(index))
      } else if hidden != 2 {
        field = next
        next += 1
      }
      columns.append(Column(name: name, field: hidden == 2 ? nil : field, isGiven: hidden == 0))
      if keys.isEmpty, key == 1, case .text(let type) = row[2], type.uppercased() == "INTEGER",
        Self.aliasesRowID(literal, name, connection)
      {
        rowIDColumn = index
      }
    }
    self.columns = columns
    self.rowIDColumn = rowIDColumn
  }

  /// Returns whether the key of a table is its row id: then no index holds it.
  private static func aliasesRowID(_ table: String, _ column: String, _ connection: Connection) -> Bool {
    let keys = (try? connection.rows("SELECT 1 FROM pragma_table_xinfo(\(table)) WHERE pk>0")) ?? []
    let index = (try? connection.rows("SELECT 1 FROM pragma_index_list(\(table)) WHERE origin='pk'")) ?? []
    return keys.count == 1 && index.isEmpty
  }
}
