/// A virtual table that Swift code answers for; subclassed (https://www.sqlite.org/vtab.html).
///
/// Open, as `AggregateState` is.
open class VirtualTable {
  /// What a schema that is not trusted may do with a table
  /// (https://www.sqlite.org/c3ref/c_vtab_constraint_support.html).
  public enum Trust: Sendable { case unspecified, innocuous, directOnly }

  /// `CREATE TABLE x(…)` with the columns; `HIDDEN` ones are arguments.
  open class var declaration: String { "CREATE TABLE x(value)" }
  /// The same for a kind of which each table has columns of its own.
  open var declaration: String { Self.declaration }
  open class var trust: Trust { .unspecified }
  /// The connection it belongs to, for statements of its own; used on the connection's thread only.
  package let connection: VirtualTableConnection

  public required init(_ connection: VirtualTableConnection) { self.connection = connection }

  /// Looks at the words it was made with, `connection.words`; throws where they make no sense.
  open func connect() throws(VirtualTableError) {}

  /// Chooses how to find rows; throws where no way is good, with an empty message where SQLite may try another.
  open func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {}

  /// Makes a cursor, not yet at a row.
  open func makeCursor() -> VirtualTableCursor { VirtualTableCursor() }

  // MARK: Tables that are written

  /// Deletes, inserts or changes one row (https://www.sqlite.org/vtab.html#the_xupdate_method).
  ///
  /// One value deletes the row of that key. Of more, the first is the key of the row that goes (NULL for none), the
  /// second the new key, the others the columns.
  open func update(_ values: Arguments, _ conflict: ConflictPolicy) throws(VirtualTableError) {
    throw VirtualTableError(.readOnly)
  }
  /// Called before the first change of a transaction.
  open func begin() throws(VirtualTableError) {}
  open func commit() throws(VirtualTableError) {}
  open func rollBack() throws(VirtualTableError) {}

  /// Whether the table has its own idea of a function whose first argument is one of its columns.
  open func answers(to function: String) -> Bool { false }
  /// Calls the function that it answers to.
  open func call(_ arguments: Arguments, _ result: FunctionResult) {}
}

/// What a statement does where a row is in the way (https://www.sqlite.org/lang_conflict.html).
public enum ConflictPolicy: Sendable { case replace, ignore, fail }

/// A walk over rows of a virtual table; subclassed.
open class VirtualTableCursor {
  public init() {}
  /// Goes to the first row that the plan with this number finds for these arguments.
  open func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {}
  /// What `begin` leaves behind in a module of integer runs, which asks nothing else of the cursor.
  public final var run: IntegerRun?
  /// Goes to the next row.
  open func next() throws(VirtualTableError) {}
  /// Whether there is no row; kept by `begin` and `next`, and stored because SQLite asks after every row.
  public final var isAtEnd = true
  /// Gives a column of the present row.
  open func give(_ column: Int, _ result: FunctionResult) {}
  open var rowID: Int64 { 0 }
}

/// Rows that follow from the first by steps of one integer column; SQLite is answered without asking the cursor.
///
/// What is asked ten million times takes a load or an addition each.
public struct IntegerRun {
  /// Column 0 of the present row, and what is added from row to row.
  var value: Int64
  let step: Int64
  /// Index of the present row, and of the last; beyond that there is none.
  var index: UInt64
  let last: UInt64
  /// Columns 1 to 3, the same in all rows.
  let constants: (Int64, Int64, Int64)
  /// Whether the first row has the highest number.
  let isBackwards: Bool

  /// `rows` are those after the first; nil for no row at all.
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
  /// Number of the present row, from 1.
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

/// Why a virtual table cannot go on.
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

/// A kind of virtual table, under a name that SQL uses without having created it.
package struct ModuleDefinition: Sendable {
  package let name: String
  let make: @Sendable (VirtualTableConnection) -> VirtualTable
  /// Whether its cursors leave an `IntegerRun`.
  let isIntegerRun: Bool
  /// Whether `CREATE VIRTUAL TABLE` makes tables of it, which are written too.
  let isWritable: Bool
  /// Whether rows come from beyond the database and the arguments.
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

  /// A writable kind whose tables are made with more than their words.
  init(_ name: String, _ make: @escaping @Sendable (VirtualTableConnection) -> VirtualTable) {
    self.name = name
    self.make = make
    isIntegerRun = false
    isWritable = true
    reachesOutside = false
  }
}
