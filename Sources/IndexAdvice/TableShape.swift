internal import SQLite

/// The facts about a table that a search for indexes needs.
struct TableShape {
  struct Column {
    let name: String
    let collation: String
    /// Whether it is the primary key by itself, which needs no index.
    let isKey: Bool
  }

  let name: String
  let columns: [Column]

  /// Reads a table of the main database.
  init(_ name: String, of connection: Connection) throws(SQLiteError) {
    self.name = name
    let rows = try connection.rows("PRAGMA table_xinfo=\(SQLText.literal(name))")
    // > pk … is zero for columns that are not part of the primary key, and is the 1-based index …
    // > for columns that are
    let keyColumns = rows.count { $0[5] != .integer(0) }
    columns = rows.map { row in
      let column = row[1].words
      return Column(
        name: column, collation: connection.collation(of: column, in: name) ?? "BINARY",
        isKey: keyColumns == 1 && row[5] == .integer(1))
    }
  }

  /// The declaration of the virtual table: no types, no keys.
  var declaration: String {
    let list = columns.map { "\(SQLText.literal($0.name)) COLLATE \($0.collation)" }
    return "CREATE TABLE x(\(list.joined(separator: ", ")))"
  }
}

extension Value {
  /// The text of a text value; empty for others.
  var words: String {
    if case .text(let text) = self { text } else { "" }
  }
  /// The number of a numeric value; 0 for others.
  var number: Int64 {
    if case .integer(let number) = self { number } else { 0 }
  }
}
