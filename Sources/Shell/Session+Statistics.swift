package import SQLite

extension Session {
  /// Prints what `.stats` shows after a statement.
  package func printStatistics(of statement: Statement?) {}
}
