internal import SQLite

/// The columns of an index that would help a scan.
struct CandidateColumns {
  let equalities: [Term]
  /// The columns after them: a range or an order.
  let rest: [Term]
  let table: TableShape

  var list: String { IndexCandidate.columnList(equalities + rest, of: table) }

  /// Returns whether an index has them already: first the columns compared for equality, in any
  /// order, then the others.
  func areServed(in model: Connection) throws(SQLiteError) -> Bool {
    for index in try model.rows("PRAGMA index_list=\(SQLText.literal(table.name))") {
      let columns = try model.rows("PRAGMA index_xinfo=\(SQLText.literal(index[1].words))")
      if isServed(by: columns) { return true }
    }
    return false
  }

  private func isServed(by columns: [[Value]]) -> Bool {
    var unmatched = equalities
    var rest = rest[...]
    for column in columns {
      func matches(_ term: Term) -> Bool {
        Int64(term.column) == column[1].number && term.collation.lowercased() == column[4].words.lowercased()
      }
      if column[0].number < Int64(equalities.count) {
        guard let place = unmatched.firstIndex(where: matches) else { return false }
        unmatched.remove(at: place)
      } else if let next = rest.first {
        guard matches(next) else { return false }
        rest = rest.dropFirst()
      }
    }
    return true
  }
}
