internal import SQLite

/// Fills `sqlite_stat1` of the model from rows of the real tables.
struct Statistics {
  private let advisor: IndexAdvisor
  private let percentage: Int

  init(of advisor: IndexAdvisor, percentage: Int) {
    self.advisor = advisor
    self.percentage = percentage
  }

  func fill() throws(SQLiteError) {
    try advisor.model.execute("ANALYZE; PRAGMA writable_schema=1")
    let indexes = """
      SELECT s.rowid, s.name, l.name FROM sqlite_schema AS s, pragma_index_list(s.name) AS l WHERE s.type = 'table'
      """
    var present: Value?
    for row in try advisor.model.rows(indexes) {
      let (table, index) = (row[1].words, row[2].words)
      if row[0] != present {
        present = row[0]
        if percentage < 100 { try takeSample(of: table) }
      }
      guard let statistics = try statistics(of: index, on: table) else { continue }
      _ = try advisor.model.rows(
        "INSERT INTO sqlite_stat1 VALUES(?, ?, ?)", [.text(table), .text(index), .text(statistics)])
      advisor.note(statistics, of: index)
    }
    if percentage < 100 { try advisor.planner.execute("DROP TABLE IF EXISTS \(Self.sample)") }
    try advisor.model.execute("ANALYZE sqlite_schema")
  }

  private static let sample = "temp.\(IndexAdvisor.scratch)"

  private func takeSample(of table: String) throws(SQLiteError) {
    try advisor.planner.execute(
      """
      DROP TABLE IF EXISTS \(Self.sample);
      CREATE TABLE \(Self.sample) AS SELECT * FROM \(SQLText.literal(table))
      """)
  }

  /// Rows, then rows with the same values in the first column, in the first two, …; nil without rows.
  ///
  /// As in sqlite3 rows are compared with those that come before them in the table, not in the index.
  private func statistics(of index: String, on table: String) throws(SQLiteError) -> String? {
    let columns = try advisor.model.rows(
      "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", [.text(index)])
    let comparisons = columns.map { row in
      // An expression has no name.
      let name = row[0] == .null ? "NULL" : SQLText.literal(row[0].words)
      return "x.\(name) IS lag(x.\(name)) OVER () COLLATE \(row[1].words)"
    }
    let order = (1...max(columns.count, 1)).map(String.init).joined(separator: ", ")
    let (connection, source) =
      percentage < 100 ? (advisor.planner, Self.sample) : (advisor.database, SQLText.literal(table))
    let statement = try connection.prepare(
      "SELECT \(comparisons.joined(separator: ", ")) FROM \(source) x ORDER BY \(order)")
    var count = 0
    var distinct = Array(repeating: 1, count: columns.count)
    while try statement.step() {
      count += 1
      guard count > 1 else { continue }
      let same = distinct.indices.prefix { statement.integer(at: $0) != 0 }.count
      for column in same..<distinct.count { distinct[column] += 1 }
    }
    guard count > 0 else { return nil }
    return ([count] + distinct.map { (count + $0 - 1) / $0 }).map(String.init).joined(separator: " ")
  }
}

extension IndexAdvisor {
  fileprivate func note(_ statistics: String, of index: String) {
    guard let place = candidates.firstIndex(where: { $0.name == index }) else { return }
    candidates[place].statistics = statistics
  }
}
