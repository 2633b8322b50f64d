internal import Bytes
internal import Recovery
internal import SQLite

/// `sqlite_dbdata(SCHEMA)`: every value of every row, page by page, from the file.
///
/// Field -1 is the row id.
final class RecordTable: VirtualTable {
  override class var declaration: String {
    "CREATE TABLE x(pgno INTEGER,cell INTEGER,field INTEGER,value ANY,schema TEXT HIDDEN)"
  }
  override class var trust: Trust { .directOnly }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    try PagePlan.choose(plan, schemaColumn: 4)
  }
  override func makeCursor() -> VirtualTableCursor { RecordCursor(connection) }
}

/// `sqlite_dbptr(SCHEMA)`: the pages to which each page leads.
final class PointerTable: VirtualTable {
  override class var declaration: String {
    "CREATE TABLE x(pgno INTEGER,child INTEGER,schema TEXT HIDDEN)"
  }
  override class var trust: Trust { .directOnly }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    try PagePlan.choose(plan, schemaColumn: 2)
  }
  override func makeCursor() -> VirtualTableCursor { PointerCursor(connection) }
}

private enum PagePlan {
  /// Bit 1: the schema is an argument; bit 0: so is the page.
  static func choose(_ plan: borrowing QueryPlan, schemaColumn: Int) throws(VirtualTableError) {
    var number: Int32 = 0
    var count = 0
    for (column, bit) in [(schemaColumn, Int32(2)), (0, 1)] {
      for index in 0..<plan.constraintCount {
        let constraint = plan.constraint(index)
        guard constraint.column == column, constraint.isEquality else { continue }
        guard constraint.isUsable else {
          // Another order of the tables may know the schema.
          if bit == 2 { throw VirtualTableError(.constraint) }
          continue
        }
        plan.use(index, asArgument: count, isTrusted: true)
        count += 1
        number |= bit
        break
      }
    }
    plan.setNumber(number)
    plan.setCost(number & 1 == 1 ? 50 : 10000)
  }
}

/// A cursor over the pages of a database; subclasses read the content of a page.
private class PageCursor: VirtualTableCursor {
  private let connection: VirtualTableConnection
  private var row: Int64 = 0
  private var pages = 1..<1
  fileprivate var reader: RecordReader?
  fileprivate var page = 0

  init(_ connection: VirtualTableConnection) { self.connection = connection }

  override func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    let schema = plan & 2 != 0 ? arguments[0].text.map { String(preserving: $0) } ?? "main" : "main"
    guard connection.whole.isReadOnly(schema) != nil else {
      throw VirtualTableError("unknown database '\(schema)'")
    }
    do throws(SQLiteError) {
      let source = try PageSource(connection.whole, schema)
      reader = RecordReader(source)
      pages = 1..<(source.pageCount + 1)
    } catch {
      throw VirtualTableError(error.code, error.message)
    }
    if plan & 1 != 0 {
      let wanted = arguments[plan & 2 != 0 ? 1 : 0].integer
      pages = pages.clamped(to: Int(clamping: wanted)..<Int(clamping: wanted.addingReportingOverflow(1).0))
    }
    row = 0
    clear()
    try next()
  }

  override func next() throws(VirtualTableError) {
    row += 1
    while !advance() {
      guard let number = pages.first, let reader else { return isAtEnd = true }
      pages = pages.dropFirst()
      page = number
      fill(reader)
    }
    isAtEnd = false
  }

  override var rowID: Int64 { row }

  /// Forgets the current page.
  func clear() {}
  /// Reads the content of the current page.
  func fill(_ reader: RecordReader) {}
  /// Moves to the next item of the current page; false if there is none.
  func advance() -> Bool { false }
}

private final class RecordCursor: PageCursor {
  private var cells: [(cell: Int, field: Int, value: Value)] = []
  private var position = -1

  override func clear() {
    cells = []
    position = -1
  }

  override func fill(_ reader: RecordReader) {
    clear()
    guard let tree = reader.page(page) else { return }
    for index in 0..<tree.cellCount {
      guard let cell = tree.cell(index) else { continue }
      if let rowID = cell.rowID { cells.append((index, -1, .integer(rowID))) }
      for (field, value) in reader.values(of: cell, in: tree).enumerated() {
        cells.append((index, field, value))
      }
    }
  }

  override func advance() -> Bool {
    position += 1
    return position < cells.count
  }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard position >= 0 && position < cells.count else { return }
    switch column {
    case 0: result.set(Int64(page))
    case 1: result.set(Int64(cells[position].cell))
    case 2: result.set(Int64(cells[position].field))
    case 3: result.set(cells[position].value)
    default: break
    }
  }
}

private final class PointerCursor: PageCursor {
  private var children: [Int] = []
  private var position = -1

  override func clear() {
    children = []
    position = -1
  }

  override func fill(_ reader: RecordReader) {
    clear()
    children = reader.page(page)?.children ?? []
  }

  override func advance() -> Bool {
    position += 1
    return position < children.count
  }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard position >= 0 && position < children.count else { return }
    switch column {
    case 0: result.set(Int64(page))
    case 1: result.set(Int64(children[position]))
    default: break
    }
  }
}
