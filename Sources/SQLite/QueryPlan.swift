internal import CSQLite
internal import Glibc

/// The wishes of a query for a virtual table, and the table's answer
/// (https://www.sqlite.org/vtab.html#the_xbestindex_method).
public struct QueryPlan: ~Copyable {
  let info: UnsafeMutablePointer<sqlite3_index_info>

  /// How a column and a value are compared.
  package enum Comparison: Sendable { case equal, less, lessOrEqual, greater, greaterOrEqual, other }

  /// A term of the query's condition.
  package struct Constraint {
    package let column: Int
    package let isEquality: Bool
    package let comparison: Comparison
    /// Whether texts are compared byte by byte.
    package let isBinary: Bool
    /// Whether the value is known when the table is read.
    package let isUsable: Bool
    /// Number of the operator (https://www.sqlite.org/c3ref/c_index_constraint_eq.html).
    package let operatorNumber: Int32
  }

  package var constraintCount: Int { Int(info.pointee.nConstraint) }

  package func constraint(_ index: Int) -> Constraint {
    precondition(index >= 0 && index < constraintCount)
    let constraint = info.pointee.aConstraint[index]
    return Constraint(
      column: Int(constraint.iColumn), isEquality: Int32(constraint.op) == SQLITE_INDEX_CONSTRAINT_EQ,
      comparison: comparison(Int32(constraint.op)),
      isBinary: sqlite3_vtab_collation(info, Int32(index)).map { strcmp($0, "BINARY") == 0 } ?? false,
      isUsable: constraint.usable != 0, operatorNumber: Int32(constraint.op))
  }

  /// Returns the name of the collation of a constraint.
  ///
  /// The corresponding C function is `sqlite3_vtab_collation`.
  package func collation(_ index: Int) -> String {
    precondition(index >= 0 && index < constraintCount)
    return sqlite3_vtab_collation(info, Int32(index)).map { String(preservingCString: $0) } ?? "BINARY"
  }

  private func comparison(_ operation: Int32) -> Comparison {
    switch operation {
    case SQLITE_INDEX_CONSTRAINT_EQ: .equal
    case SQLITE_INDEX_CONSTRAINT_LT: .less
    case SQLITE_INDEX_CONSTRAINT_LE: .lessOrEqual
    case SQLITE_INDEX_CONSTRAINT_GT: .greater
    case SQLITE_INDEX_CONSTRAINT_GE: .greaterOrEqual
    default: .other
    }
  }

  /// Passes the value of a constraint to the cursor as argument `position`, counted from 0.
  ///
  /// With `isTrusted`, SQLite need not check the rows again.
  package func use(_ index: Int, asArgument position: Int, isTrusted: Bool) {
    precondition(index >= 0 && index < constraintCount)
    info.pointee.aConstraintUsage[index].argvIndex = Int32(position + 1)
    info.pointee.aConstraintUsage[index].omit = isTrusted ? 1 : 0
  }

  /// The first column of the wanted order, and its direction; nil if no order is wanted.
  package var firstOrder: (column: Int, isDescending: Bool)? { orderCount > 0 ? order(0) : nil }

  /// The number of columns in the wanted order.
  package var orderCount: Int { Int(info.pointee.nOrderBy) }

  /// Returns a column of the wanted order, -1 for the rowid, and its direction.
  package func order(_ index: Int) -> (column: Int, isDescending: Bool) {
    precondition(index >= 0 && index < orderCount)
    return (Int(info.pointee.aOrderBy[index].iColumn), info.pointee.aOrderBy[index].desc != 0)
  }

  /// Promises rows in the wanted order.
  package func promiseOrder() { info.pointee.orderByConsumed = 1 }

  /// Sets the number that the cursor gets.
  package func setNumber(_ number: Int32) { info.pointee.idxNum = number }
  package func setCost(_ cost: Double) { info.pointee.estimatedCost = cost }
  package func setRows(_ rows: Int64) { info.pointee.estimatedRows = rows }
}
