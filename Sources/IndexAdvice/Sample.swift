internal import SQLite

/// Chooses rows of tables at random, about the given percentage.
final class Sample {
  private let database: Connection
  private let percentage: Int
  private var seen = 0
  private var taken = 0

  init(_ database: Connection, percentage: Int) {
    self.database = database
    self.percentage = percentage
  }

  /// Begins with the rows of a table.
  func rows(of table: TableShape) throws(SQLiteError) -> Statement {
    seen = 0
    taken = 0
    return try database.prepare("SELECT * FROM main.\(SQLText.literal(table.name))")
  }

  /// Returns whether the next row is taken.
  func takesRow() -> Bool {
    defer { seen += 1 }
    // An overdue row is taken without a random number.
    guard taken * 100 <= seen * percentage || Int(Randomness.sixteenBits) % 100 <= percentage else {
      return false
    }
    taken += 1
    return true
  }
}
