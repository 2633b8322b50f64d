internal import SQLite

/// The writes of statements, and therefore the triggers that they run.
final class WriteLog {
  struct Write: Hashable {
    let action: Int32
    let table: String
  }

  private(set) var writes: [Write] = []

  func note(_ action: Int32, _ table: TableShape) {
    let actions = [AuthorizerRequest.insert, AuthorizerRequest.update, AuthorizerRequest.delete]
    let write = Write(action: action, table: table.name)
    if actions.contains(action) && !writes.contains(write) { writes.append(write) }
  }
}

extension IndexAdvisor {
  /// A name that no table has.
  static let scratch = "t592690916721053953805701627921227776"

  /// Compiles the triggers that statements run, and the triggers of these, so that their scans are
  /// recorded.
  func compileTriggers() throws(SQLiteError) {
    var done = 0
    while done < writes.writes.count {
      let next = writes.writes[done...].reversed()
      done = writes.writes.count
      for write in next { try compileTriggers(of: write) }
    }
  }

  /// Compiles the triggers of a write on a real table, because virtual tables have none.
  private func compileTriggers(of write: WriteLog.Write) throws(SQLiteError) {
    guard let shape = recorder.shape(write.table) else { return }
    let table = SQLText.literal(shape.name)
    let copied = """
      SELECT 'CREATE TEMP' || substr(sql, 7) FROM sqlite_schema
      WHERE tbl_name = \(table) AND type IN ('table', 'trigger') ORDER BY type
      """
    for row in try database.rows(copied) { try planner.execute(row[0].words) }
    try planner.execute("ALTER TABLE temp.\(table) RENAME TO '\(Self.scratch)'")
    _ = try planner.prepare(statement(write, shape))
    try planner.execute("DROP TABLE \(Self.scratch)")
  }

  /// Returns a statement that makes the same kind of write to every row.
  private func statement(_ write: WriteLog.Write, _ shape: TableShape) -> String {
    switch write.action {
    case AuthorizerRequest.insert:
      let places = shape.columns.map { _ in "?" }.joined(separator: ", ")
      return "INSERT INTO '\(Self.scratch)' VALUES(\(places))"
    case AuthorizerRequest.update:
      let places = shape.columns.map { "\(SQLText.literal($0.name))=?" }.joined(separator: ", ")
      return "UPDATE '\(Self.scratch)' SET \(places)"
    default: return "DELETE FROM '\(Self.scratch)'"
    }
  }
}
