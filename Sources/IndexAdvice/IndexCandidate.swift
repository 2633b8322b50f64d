internal import Bytes
internal import SQLite

/// An index that could help.
struct IndexCandidate {
  let name: String
  /// The statement that creates it.
  let sql: String
  /// Its row in `sqlite_stat1`, if rows were sampled.
  var statistics: String?
}

extension IndexCandidate {
  /// Its columns in `CREATE INDEX`.
  static func columnList(_ terms: [Term], of table: TableShape) -> String {
    terms.map { term in
      let column = table.columns[term.column]
      var text = needsQuotes(column.name) ? SQLText.literal(column.name) : column.name
      if column.collation.lowercased() != term.collation.lowercased() {
        text += " COLLATE "
        text += needsQuotes(term.collation) ? SQLText.literal(term.collation) : term.collation
      }
      return term.isDescending ? text + " DESC" : text
    }.joined(separator: ", ")
  }

  /// The index with a name that is not `taken`; nil if all names are.
  init?(
    on table: TableShape, columns: String, isTaken: (String) throws(SQLiteError) -> Bool
  ) throws(SQLiteError) {
    var hash: UInt32 = 0
    var name = ""
    var attempts = 0
    repeat {
      guard attempts < Self.mostAttempts else { return nil }
      attempts += 1
      // The hash is of the columns; if the name is taken, they are hashed once more.
      for byte in columns.preservedBytes {
        hash = hash &* 9 &+ UInt32(bitPattern: Int32(Int8(bitPattern: byte)))
      }
      let digits = String(hash, radix: 16)
      name = "\(table.name)_idx_\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    } while try isTaken(name)
    self.name = name
    let (index, place) =
      Self.needsQuotes(table.name)
      ? (Identifier.quoted(name), Identifier.quoted(table.name)) : (name, table.name)
    sql = "CREATE INDEX \(index) ON \(place)(\(columns))"
  }

  private static let mostAttempts = 50

  /// Returns whether sqlite3 quotes a name here; it does not if only a digit comes first, although
  /// no index can be made then.
  private static func needsQuotes(_ name: String) -> Bool {
    Identifier.isKeyword(name) || Identifier.needsQuotes("_" + name)
  }
}
