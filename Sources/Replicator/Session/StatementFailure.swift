import SQLite

/// Classifies failures of statements.
enum StatementFailure {
  /// Returns whether a replay may not repeat the failure, because its cause is outside the
  /// database.
  static func comesFromSurroundings(_ code: ResultCode, _ connection: Connection) -> Bool {
    switch code.primary {
    case .constraint, .mismatch: false
    case .error, .tooBig, .corrupt: connection.hasOwnLimits
    default: true
    }
  }

  /// Returns whether the statement failed before it could change anything.
  ///
  /// A transaction that does not write has changed nothing. The first three steps of every
  /// statement only begin a transaction (https://www.sqlite.org/opcode.html#Transaction).
  ///
  /// In a transaction that writes, the beginning of a statement makes virtual tables write their
  /// pending rows, and that may be the failure. Only a lock or a read-only connection fails before
  /// that.
  static func changedNothing(_ statement: Statement, _ changes: Int64, _ error: ResultCode) -> Bool {
    let connection = statement.connection
    guard changes == 0 else { return false }
    if connection.isInAutocommit { return statement.machineSteps <= 3 }
    if connection.transactionState("main") < 2 { return true }
    return statement.machineSteps <= 3 && [.busy, .locked, .readOnly].contains(error.primary)
  }
}
