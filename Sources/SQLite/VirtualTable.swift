/// A virtual table in Swift; subclass it (https://www.sqlite.org/vtab.html).
///
/// Tables and cursors are classes, because SQLite's callbacks are C functions, which cannot be
/// generic: one call through a class, no existential, no reference counting for a row. They are
/// open like `AggregateState`.
open class VirtualTable {
  /// What an untrusted schema may do with a table
  /// (https://www.sqlite.org/c3ref/c_vtab_constraint_support.html).
  public enum Trust: Sendable { case unspecified, innocuous, directOnly }

  /// `CREATE TABLE x(…)` with the columns; `HIDDEN` columns are arguments.
  open class var declaration: String { "CREATE TABLE x(value)" }
  /// The same for a module whose tables have different columns.
  open var declaration: String { Self.declaration }
  open class var trust: Trust { .unspecified }
  /// The connection that it belongs to, for its own statements; used on the connection's thread
  /// only.
  package let connection: VirtualTableConnection

  public required init(_ connection: VirtualTableConnection) { self.connection = connection }

  /// Reads the words of its creation, `connection.words`; throws if they are wrong.
  open func connect() throws(VirtualTableError) {}

  /// Chooses how to find rows.
  ///
  /// Throws if no way is good, with an empty message if SQLite may try another plan.
  open func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {}

  /// Makes a cursor that is not at a row yet.
  open func makeCursor() -> VirtualTableCursor { VirtualTableCursor() }

  // MARK: Tables that are written

  /// Deletes, inserts or changes one row (https://www.sqlite.org/vtab.html#the_xupdate_method).
  ///
  /// One value deletes the row with that key. Of more values, the first is the key of the old row
  /// (NULL for none), the second the new key, the others the columns.
  open func update(_ values: Arguments, _ conflict: ConflictPolicy) throws(VirtualTableError) {
    throw VirtualTableError(.readOnly)
  }
  /// Called before the first change of a transaction.
  open func begin() throws(VirtualTableError) {}
  open func commit() throws(VirtualTableError) {}
  open func rollBack() throws(VirtualTableError) {}

  /// Whether the table implements a function whose first argument is one of its columns.
  open func answers(to function: String) -> Bool { false }
  /// Calls that function.
  open func call(_ arguments: Arguments, _ result: FunctionResult) {}
}

/// The action of a statement if a row is in the way (https://www.sqlite.org/lang_conflict.html).
public enum ConflictPolicy: Sendable { case replace, ignore, fail }

/// A cursor over rows of a virtual table; subclass it.
open class VirtualTableCursor {
  public init() {}
  /// Moves to the first row that the plan with this number finds for these arguments.
  open func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {}
  /// What `begin` sets in a module of integer runs, which needs no other call of the cursor.
  public final var run: IntegerRun?
  /// Moves to the next row.
  open func next() throws(VirtualTableError) {}
  /// Whether there is no row.
  ///
  /// `begin` and `next` set it; it is stored because SQLite asks after every row.
  public final var isAtEnd = true
  /// Sets the result to a column of the current row.
  open func give(_ column: Int, _ result: FunctionResult) {}
  open var rowID: Int64 { 0 }
}

/// Rows that follow from the first one by steps of one integer column, without calls of the cursor.
///
/// A question that comes ten million times takes one load or addition each.
public struct IntegerRun {
  /// Column 0 of the current row, and its step.
  var value: Int64
  let step: Int64
  /// The index of the current row and of the last one; after that there is none.
  var index: UInt64
  let last: UInt64
  /// Columns 1 to 3, the same in all rows.
  let constants: (Int64, Int64, Int64)
  /// Whether the first row has the highest number.
  let isBackwards: Bool

  /// `rows` is the number after the first one; nil for no row at all.
  package init(
    from value: Int64, step: Int64, rowsAfter rows: UInt64?, constants: (Int64, Int64, Int64),
    isBackwards: Bool = false
  ) {
    self.isBackwards = isBackwards
    self.value = value
    self.step = step
    index = rows == nil ? 1 : 0
    last = rows ?? 0
    self.constants = constants
  }

  var isAtEnd: Bool { index > last }
  /// The number of the current row, from 1.
  var rowID: Int64 { Int64(bitPattern: (isBackwards ? last &- index : index) &+ 1) }

  mutating func advance() {
    index &+= 1
    value &+= step
  }

  /// Column 1 to 3; column 0 for any other.
  func constant(_ column: Int32) -> Int64 {
    switch column {
    case 1: constants.0
    case 2: constants.1
    case 3: constants.2
    default: value
    }
  }
}

/// The error of a virtual table.
public struct VirtualTableError: Error, Sendable {
  package let code: ResultCode
  package let message: String?

  package init(_ message: String) {
    code = .error
    self.message = message
  }
  package init(_ code: ResultCode, _ message: String? = nil) {
    self.code = code
    self.message = message
  }
}

/// A module, under a name that SQL can use as a table without creating it.
package struct ModuleDefinition: Sendable {
  package let name: String
  let make: @Sendable (VirtualTableConnection) -> VirtualTable
  /// Whether its cursors set an `IntegerRun`.
  let isIntegerRun: Bool
  /// Whether `CREATE VIRTUAL TABLE` makes tables of it, which can be written.
  let isWritable: Bool
  /// Whether rows come from outside of the database and the arguments.
  package let reachesOutside: Bool

  package init(
    _ name: String, _ table: VirtualTable.Type, isIntegerRun: Bool = false, isWritable: Bool = false,
    reachesOutside: Bool = false
  ) {
    self.name = name
    make = { table.init($0) }
    self.isIntegerRun = isIntegerRun
    self.isWritable = isWritable
    self.reachesOutside = reachesOutside
  }

  /// A writable module whose tables need more than their words.
  init(_ name: String, _ make: @escaping @Sendable (VirtualTableConnection) -> VirtualTable) {
    self.name = name
    self.make = make
    isIntegerRun = false
    isWritable = true
    reachesOutside = false
  }
}
