package import Replica
package import Restore
internal import SQLite

/// Finds every version of a table's rows.
///
/// Belongs to one thread at a time.
package final class RowHistory {
  private let replica: PastReplica
  private let files: PastFiles
  private let table: String
  /// The number of leaves that were compared for the history of a whole table, for measurements.
  package private(set) var compared = 0
  /// The number of transactions with changes that were found.
  package private(set) var versions = 0

  /// Called for each transaction that changed the rows.
  package typealias Found = (
    _ moment: PageHistory.Moment, _ isAfterGap: Bool, _ changes: [RowChange]
  ) throws -> Void

  package init(_ replica: PastReplica, _ files: PastFiles, table: String) {
    self.replica = replica
    self.files = files
    self.table = table
  }

  /// Finds the versions of the row with a key, of the rows that fulfil a condition, or of all rows.
  package func find(key: String?, condition: String?, _ body: Found) throws {
    let runs = try replica.runs()
    guard let first = runs.first?.lowerBound, let last = runs.last?.upperBound else { return }
    guard let shape = try shape(runs) else {
      throw UndoError("no table \(table) in the newest or the oldest state")
    }
    // A table whose columns hide the rowid cannot be compared by it.
    if key == nil, condition == nil, !shape.keys.isEmpty {
      let history = TableHistory(replica, files, table: table)
      defer { compared = history.compared }
      return try history.forEachChange { moment, isAfterGap, changes in
        versions += 1
        try body(moment, isAfterGap, changes)
      }
    }
    // `*` reads the columns that the table has at each moment.
    let keys = shape.keys.map { Identifier.quoted($0) }.joined(separator: ", ")
    var sql = "SELECT \(keys), * FROM \(Identifier.quoted(shape.table.name))"
    if let key {
      guard let name = shape.keys.first, shape.keys.count == 1 || shape.table.primaryKey.count == 1 else {
        throw UndoError("the key of \(table) has several columns: use WHERE with a condition")
      }
      let column = shape.table.primaryKey.count == 1 ? shape.table.primaryKey[0] : name
      sql += " WHERE \(Identifier.quoted(column)) = \(Self.literal(key))"
    } else if let condition {
      sql += " WHERE (\(condition))"
    }
    let answers = AnswerHistory(replica, files, sql: sql)
    var isFirst = true
    // The state at the oldest moment is the first version.
    let beginning = try answers.forEachChange(after: first, through: last) { change in
      if isFirst { try self.begin(change.before, shape, runs, body) }
      isFirst = false
      let changes = Self.changes(shape, from: change.before, to: change.after)
      guard !changes.isEmpty else { return true }
      versions += 1
      try body(change.moment, change.isAfterGap, changes)
      return true
    }
    if isFirst, let beginning { try begin(beginning, shape, runs, body) }
  }

  /// A table with the columns that identify its rows.
  private struct Shape {
    let table: TableShape
    let keys: [String]
  }

  private func shape(_ runs: [ClosedRange<UInt64>]) throws -> Shape? {
    for moment in [runs.last?.upperBound, runs.first?.lowerBound].compactMap({ $0 }) {
      let connection = try files.connect(replica.open(RestoreTarget(transaction: moment)))
      defer { connection.close() }
      if let table = try SchemaShape(connection).tables[table.lowercased()] {
        return Shape(table: table, keys: table.hasRowID ? [table.rowID].compactMap { $0 } : table.primaryKey)
      }
    }
    return nil
  }

  private func begin(_ answer: Answer, _ shape: Shape, _ runs: [ClosedRange<UInt64>], _ body: Found) throws {
    let none = Answer(columns: [], rows: [], failure: nil)
    let changes = Self.changes(shape, from: none, to: answer)
    guard !changes.isEmpty, let first = runs.first?.lowerBound else { return }
    versions += 1
    try body(replica.open(RestoreTarget(transaction: first)).moment, true, changes)
  }

  private static func changes(_ shape: Shape, from: Answer, to: Answer) -> [RowChange] {
    let count = shape.keys.count
    func rows(_ answer: Answer) -> [[Value]: [Value]] {
      Dictionary(answer.rows.map { (Array($0[..<count]), Array($0[count...])) }) { first, _ in first }
    }
    let (old, new) = (rows(from), rows(to))
    func row(_ values: [Value]?, _ answer: Answer) -> RowChange.Row? {
      values.map { RowChange.Row(columns: Array(answer.columns.dropFirst(count)), values: $0) }
    }
    var order = from.rows.map { Array($0[..<count]) }
    order += to.rows.map { Array($0[..<count]) }.filter { old[$0] == nil }
    return order.compactMap { key in
      let change = RowChange(
        table: shape.table, key: key, before: row(old[key], from), after: row(new[key], to))
      return change.kind == .changed && change.differing.isEmpty ? nil : change
    }
  }

  /// Returns a word as a literal: a number if the word is an integer, otherwise text.
  private static func literal(_ word: String) -> String {
    if let number = Int64(word) { return "\(number)" }
    return SQLText.literal(word)
  }
}
