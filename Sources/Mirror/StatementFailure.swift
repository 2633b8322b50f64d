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
  /// Within a transaction that does not write nothing can have been changed, and the first three steps of every
  /// statement only begin one (https://www.sqlite.org/opcode.html#Transaction).
  static func changedNothing(_ statement: Statement, _ changes: Int64) -> Bool {
    let connection = statement.connection
    return changes == 0
      && (statement.machineSteps <= 3
        || !connection.isInAutocommit && connection.transactionState("main") < 2)
  }
}
