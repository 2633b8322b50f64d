internal import SQLite

/// Fills `sqlite_stat1` of the model from rows of the real tables.
struct Statistics {
  private let advisor: IndexAdvisor
  private let percentage: Int
  /// By column of an index.
  private var lastSeen: [Value] = []

  init(of advisor: IndexAdvisor, percentage: Int) {
    self.advisor = advisor
    self.percentage = percentage
  }

  mutating func fill() throws(SQLiteError) {
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

  /// Counts rows, then rows with the same values in the first column, in the first two, …; nil
  /// without rows.
  ///
  /// As in sqlite3, rows are compared with those before them in the table, not in the index, and
  /// the first row with the last one of another index.
  private mutating func statistics(of index: String, on table: String) throws(SQLiteError) -> String? {
    let columns = try advisor.model.rows(
      "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", [.text(index)])
    // An expression has no name.
    let names = columns.map { $0[0] == .null ? "x.NULL" : "x.\(SQLText.literal($0[0].words))" }
    let comparisons = zip(names, columns).enumerated().map { place, column in
      "\(column.0) IS lag(\(column.0), 1, ?\(place + 1)) OVER () COLLATE \(column.1[1].words)"
    }
    let (connection, source) =
      percentage < 100 ? (advisor.planner, Self.sample) : (advisor.database, SQLText.literal(table))
    let statement = try connection.prepare(
      "SELECT \((comparisons + names).joined(separator: ", ")) FROM \(source) x")
    if lastSeen.count < columns.count {
      lastSeen += Array(repeating: .null, count: columns.count - lastSeen.count)
    }
    for place in columns.indices { try statement.bind(lastSeen[place], at: place + 1) }

    var count = 0
    /// The number of rows that differ from those before them in column `i`, and are the same up to
    /// there.
    var differing = Array(repeating: 0, count: columns.count + 1)
    while try statement.step() {
      count += 1
      differing[columns.indices.prefix { statement.integer(at: $0) != 0 }.count] += 1
      for place in columns.indices { lastSeen[place] = statement.value(at: columns.count + place) }
    }
    // The row that differs earliest begins the index.
    guard let first = differing.firstIndex(where: { $0 > 0 }) else { return nil }
    differing[first] -= 1
    var words = [count]
    var distinct = 1
    for place in columns.indices {
      distinct += differing[place]
      words.append((count + distinct / 2) / distinct)
    }
    return words.map(String.init).joined(separator: " ")
  }
}

extension IndexAdvisor {
  fileprivate func note(_ statistics: String, of index: String) {
    guard let place = candidates.firstIndex(where: { $0.name == index }) else { return }
    candidates[place].statistics = statistics
  }
}
