package import Bytes
package import SQLite

/// Suggests indexes for statements, without running them
/// (https://www.sqlite.org/src/file?name=ext/expert/README.md describes the method).
///
/// This target is `.expert`. It compiles statements in a database of virtual tables, which record
/// how the planner would like to read them (`ScanRecorder`). It creates the candidate indexes
/// (`IndexCandidate`) in a copy of the schema, and `EXPLAIN QUERY PLAN` shows which of them are
/// used.
package final class IndexAdvisor {
  /// The findings for one statement.
  package struct Advice {
    package let sql: String
    /// `CREATE INDEX …` for each used index, without a semicolon.
    package internal(set) var indexes: [String] = []
    /// The lines of the plan.
    package internal(set) var plan: [String] = []
  }

  /// The user's database; only read.
  let database: Connection
  /// The same schema with the candidates, and no rows.
  let model: Connection
  /// The schema as virtual tables.
  let planner: Connection
  let recorder: ScanRecorder
  let writes = WriteLog()
  var candidates: [IndexCandidate] = []
  private var statements: [String] = []
  /// The percentage of rows for statistics; none are made for 0.
  private let sampling: Int

  /// Copies the schema of the main database; `prepare` adds to both copies what statements may
  /// call.
  package init(
    _ database: Connection, sampling: Int = 0, prepare: (Connection) throws(SQLiteError) -> Void = { _ in }
  ) throws(SQLiteError) {
    self.database = database
    self.sampling = sampling
    model = try Connection(":memory:")
    planner = try Connection(":memory:")
    for connection in [model, planner] { try prepare(connection) }
    recorder = ScanRecorder(Sample(database, percentage: sampling))
    model.set("trigger_eqp", true)
    let copied = """
      SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL %'
      """
    for row in try database.rows(copied) { try model.execute(row[0].words) }
    try recorder.install(on: planner)
    try fillPlanner()
    planner.setAuthorizer { [writes, recorder] request in
      if request.database?.lowercased() == "main", let name = request.first, let shape = recorder.shape(name)
      {
        writes.note(request.action, shape)
      }
      return .ok
    }
  }

  /// Makes tables, then views, then the triggers of views.
  private func fillPlanner() throws(SQLiteError) {
    let schema = """
      SELECT type, name, sql, 1 FROM sqlite_schema
      WHERE type IN ('table','view') AND name NOT LIKE 'sqlite_%%'
      UNION ALL
      SELECT type, name, sql, 2 FROM sqlite_schema
      WHERE type = 'trigger' AND tbl_name IN(SELECT name FROM sqlite_schema WHERE type = 'view')
      ORDER BY 4, 1
      """
    for row in try database.rows(schema) {
      if row[0] == .text("table") {
        try recorder.add(TableShape(row[1].words, of: database), to: planner)
      } else {
        try planner.execute(row[2].words)
      }
    }
  }

  /// Adds all statements of a text that ends with a zero byte.
  package func add(_ sql: ByteBuffer) throws(SQLiteError) {
    var at = 0
    while at < sql.count - 1 {
      let (statement, next) = try planner.prepare(sql, from: at)
      if let statement { statements.append(statement.sql) }
      guard next > at else { return }
      at = next
    }
  }

  /// Searches indexes; returns the findings for each statement.
  package func advise() throws -> [Advice] {
    try compileTriggers()
    try makeCandidates()
    if sampling > 0 {
      var statistics = Statistics(of: self, percentage: sampling)
      try statistics.fill()
    }
    // From the last to the first, which matters if one of them fails.
    return try statements.reversed().map { try advise(on: $0) }.reversed()
  }

  /// Every candidate as a line of SQL with its data; the widest of a scan first.
  package var listing: [String] {
    candidates.reversed().map { candidate in
      "\(candidate.sql);" + (candidate.statistics.map { " -- stat1: \($0)" } ?? "")
    }
  }

  // MARK: Candidates

  private func makeCandidates() throws {
    for scan in recorder.scans.reversed() {
      try scan.proposals { try add(CandidateColumns(equalities: $0, rest: $1, table: scan.table)) }
    }
  }

  private func add(_ columns: CandidateColumns) throws {
    guard try !columns.areServed(in: model) else { return }
    let candidate = try IndexCandidate(on: columns.table, columns: columns.list) { name throws(SQLiteError) in
      let count = """
        SELECT count(*) FROM sqlite_schema
        WHERE name=\(SQLText.literal(name)) AND type in ('index','table','view')
        """
      return try model.value(count) != .integer(0)
    }
    guard let candidate else { throw AdviceError.noIndex }
    do throws(SQLiteError) { try model.execute(candidate.sql) } catch { throw AdviceError.noIndex }
    candidates.append(candidate)
  }

  // MARK: Plans

  private func advise(on sql: String) throws -> Advice {
    var advice = Advice(sql: sql)
    var used: [String] = []
    for row in try model.rows("EXPLAIN QUERY PLAN \(sql)") {
      let line = row[3].words
      if let name = Self.index(in: line), let candidate = candidates.first(where: { $0.name == name }),
        !used.contains(candidate.sql)
      {
        used.append(candidate.sql)
      }
      // Lines with a dash name triggers.
      if !line.hasPrefix("-") { advice.plan.append(line) }
    }
    advice.indexes = used.reversed()
    return advice
  }

  /// Returns the index in a line of a plan.
  private static func index(in line: String) -> String? {
    let bytes = line.preservedBytes
    for mark in [" USING INDEX ", " USING COVERING INDEX "].map({ Array($0.utf8) }) {
      guard let start = bytes.firstRange(of: mark)?.upperBound else { continue }
      let rest = bytes[start...]
      let end = rest.firstRange(of: Array(" (".utf8))?.lowerBound ?? rest.endIndex
      return String(preserving: rest[..<end])
    }
    return nil
  }
}

/// The reason for no advice, if SQLite has no message.
package enum AdviceError: Error {
  /// A candidate could not be made.
  case noIndex

  /// sqlite3's code in place of a reason.
  package var code: ResultCode { .busy }
}
