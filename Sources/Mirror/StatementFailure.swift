import SQLite

/// Failures that a replay would not meet.
enum StatementFailure {
  /// Whether a failure follows from the statement and the database, and so comes again.
  static func comesFromSurroundings(_ code: ResultCode, _ connection: Connection) -> Bool {
    switch code.primary {
    case .constraint, .mismatch: false
    case .error, .tooBig, .corrupt: connection.hasOwnLimits
    default: true
    }
  }

  /// Whether it failed before it could change anything.
  ///
  /// Without a write transaction nothing can have been changed, and the first three steps of every statement only
  /// begin one (https://www.sqlite.org/opcode.html#Transaction).
  static func changedNothing(_ statement: Statement) -> Bool {
    statement.connection.transactionState("main") < 2 || statement.machineSteps <= 3
  }
}
