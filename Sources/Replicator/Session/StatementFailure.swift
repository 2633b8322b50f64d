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
  ///
  /// Where the transaction writes, beginning a statement has virtual tables write what they keep, which may be what
  /// failed; only a lock or a connection that must not write is met before that.
  static func changedNothing(_ statement: Statement, _ changes: Int64, _ error: ResultCode) -> Bool {
    let connection = statement.connection
    guard changes == 0 else { return false }
    if connection.isInAutocommit { return statement.machineSteps <= 3 }
    if connection.transactionState("main") < 2 { return true }
    return statement.machineSteps <= 3 && [.busy, .locked, .readOnly].contains(error.primary)
  }
}
