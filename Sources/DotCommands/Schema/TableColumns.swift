internal import SQLite

/// The columns of a table that INSERT can set.
struct TableColumns {
  let names: [String]
  /// A name for the rowid, if it was asked for and is not a column anyway.
  let rowID: String?

  /// Reads the columns; none if the table cannot be read.
  init(of table: String, in connection: Connection, withRowID: Bool) {
    let rows = (try? connection.rows("PRAGMA table_info=\(SQLText.literal(table))")) ?? []
    names = rows.map { row in
      guard case .text(let name) = row[1] else { return "" }
      return name
    }
    guard withRowID, !names.isEmpty else {
      rowID = nil
      return
    }
    let keys = rows.filter { $0[5] != .integer(0) }
    if keys.count == 1, case .text(let type) = keys[0][2], type.uppercased() == "INTEGER",
      !Self.hasKeyIndex(table, connection)
    {
      rowID = nil
      return
    }
    let taken = Set(names.map { $0.lowercased() })
    let free = ["rowid", "_rowid_", "oid"].first { !taken.contains($0) }
    // Tables WITHOUT ROWID have none of the three.
    rowID = free.flatMap { name in
      (try? connection.prepare("SELECT \(name) FROM \(Identifier.quoted(table))")) == nil ? nil : name
    }
  }

  /// Returns whether the primary key is not the rowid, as with `INTEGER PRIMARY KEY DESC`.
  private static func hasKeyIndex(_ table: String, _ connection: Connection) -> Bool {
    let query = "SELECT 1 FROM pragma_index_list(\(SQLText.literal(table))) WHERE origin='pk'"
    return (try? connection.value(query)) == .integer(1)
  }
}
