import Bytes

/// What statements of a session may use beside the main database.
struct OtherSchemas {
  /// Names of temporary tables and views.
  var temporary: [String] = []
  /// A temporary trigger: it may act on any statement.
  var trigger: String?
  /// Whether the main database has, or had in this session, virtual tables.
  var hasVirtualTables = false
  /// Whether there is any temporary object, the shell's table of parameters too.
  var hasTemporary = false
  /// Whether the main database has statistics.
  var hasStatistics = false
  /// Names of attached databases.
  var attached: [String] = []

  /// Which of them a statement may count rows of: SQLite does not say where such a table is.
  func use(in sql: ByteBuffer) -> String? {
    if let database = attached.first { return "a statement may use attached database \(database)" }
    guard !temporary.isEmpty else { return nil }
    let text = sql.string.lowercased()
    return temporary.first { $0.contains("\"") || $0.contains("`") || text.contains($0.lowercased()) }
      .map { "a statement may use temporary \($0) of the session" }
  }
}
