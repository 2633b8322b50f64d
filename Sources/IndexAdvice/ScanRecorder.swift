internal import SQLite

/// Records how the planner would read tables, which it sees as virtual ones.
final class ScanRecorder {
  /// Tables by name in lower case.
  private var shapes: [String: TableShape] = [:]
  /// In the planner's order.
  fileprivate(set) var scans: [Scan] = []
  /// The source of rows, if they are asked for.
  fileprivate let sample: Sample

  static let module = "expert"

  init(_ sample: Sample) { self.sample = sample }

  /// Returns the table of a name.
  func shape(_ name: String) -> TableShape? { shapes[name.lowercased()] }

  /// Makes a virtual table of this shape.
  func add(_ shape: TableShape, to connection: Connection) throws(SQLiteError) {
    shapes[shape.name.lowercased()] = shape
    let name = SQLText.literal(shape.name)
    try connection.execute(
      "CREATE VIRTUAL TABLE \(name) USING \(Self.module)(\(SQLText.literal(shape.declaration)))")
  }

  /// Registers such tables with a connection.
  func install(on connection: Connection) throws(SQLiteError) {
    try connection.addModule(Self.module) { PlannedTable($0, self) }
  }
}

/// A table that has rows only while they are sampled, and accepts every change without making it.
private final class PlannedTable: VirtualTable {
  private let recorder: ScanRecorder
  private let shape: TableShape?

  init(_ connection: VirtualTableConnection, _ recorder: ScanRecorder) {
    self.recorder = recorder
    shape = recorder.shape(connection.tableName)
    super.init(connection)
  }
  required init(_ connection: VirtualTableConnection) {
    preconditionFailure("tables are made with a recorder")
  }

  override var declaration: String { shape?.declaration ?? "" }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    guard let shape else { return }
    var scan = Scan(table: shape)
    var used = 0
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard constraint.isUsable, constraint.column >= 0, !shape.columns[constraint.column].isKey,
        constraint.isEquality || constraint.resemblesRange
      else { continue }
      let term = Term(column: constraint.column, collation: plan.collation(index))
      if constraint.isEquality { scan.equalities.append(term) } else { scan.ranges.append(term) }
      plan.use(index, asArgument: used, isTrusted: false)
      used += 1
    }
    for index in 0..<plan.orderCount {
      let order = plan.order(index)
      guard order.column >= 0 else { continue }
      scan.order.append(
        Term(
          column: order.column, collation: shape.columns[order.column].collation,
          isDescending: order.isDescending))
    }
    recorder.scans.append(scan)
    plan.setCost(1_000_000 / Double(used + scan.order.count + 1))
  }

  override func makeCursor() -> VirtualTableCursor { SampleCursor(shape, recorder) }
  override func update(_ values: Arguments, _ conflict: ConflictPolicy) throws(VirtualTableError) {}
}

extension QueryPlan.Constraint {
  /// Whether it may bound a column.
  ///
  /// sqlite3 looks at the bits of the operator's number, so everything except MATCH, LIMIT, OFFSET
  /// and LIKE counts.
  fileprivate var resemblesRange: Bool { operatorNumber & (2 | 4 | 8 | 16 | 32) != 0 }
}

/// A cursor over the rows of the real table.
private final class SampleCursor: VirtualTableCursor {
  private let shape: TableShape?
  private let recorder: ScanRecorder
  private var rows: Statement?

  init(_ shape: TableShape?, _ recorder: ScanRecorder) {
    self.shape = shape
    self.recorder = recorder
  }

  override func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    guard let shape else { return }
    do throws(SQLiteError) {
      rows = try recorder.sample.rows(of: shape)
    } catch {
      throw VirtualTableError(error.code, error.message)
    }
    try next()
  }

  override func next() throws(VirtualTableError) {
    do throws(SQLiteError) {
      repeat { isAtEnd = try !(rows?.step() ?? false) } while !isAtEnd && !recorder.sample.takesRow()
    } catch {
      throw VirtualTableError(error.code, error.message)
    }
  }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard let rows, column < rows.columnCount else { return }
    result.set(rows.value(at: column))
  }
}
