import Bytes

/// The objects besides the main database that statements of a session may use.
struct OtherSchemas {
  /// Names of temporary tables and views.
  var temporary: [String] = []
  /// A temporary trigger, which may act on any statement.
  var trigger: String?
  /// Whether the main database has, or had in this session, virtual tables.
  var hasVirtualTables = false
  /// Whether there is any temporary object, including the shell's table of parameters.
  var hasTemporary = false
  /// Whether the main database has statistics.
  var hasStatistics = false
  /// Names of attached databases.
  var attached: [String] = []

  /// Returns a barrier's reason if a statement may count rows of one of these tables.
  ///
  /// SQLite does not report which database holds such a table.
  func use(in sql: ByteBuffer) -> String? {
    if let database = attached.first { return "a statement may use attached database \(database)" }
    guard !temporary.isEmpty else { return nil }
    let text = sql.string.lowercased()
    return temporary.first { $0.contains("\"") || $0.contains("`") || text.contains($0.lowercased()) }
      .map { "a statement may use temporary \($0) of the session" }
  }
}
