internal import Bytes
internal import SQLite

/// `completion(PREFIX,WHOLELINE)`: words that may complete typed text
/// (https://www.sqlite.org/completion.html).
final class CompletionTable: VirtualTable {
  override class var declaration: String {
    "CREATE TABLE x(candidate TEXT,prefix TEXT HIDDEN,wholeline TEXT HIDDEN,phase INT HIDDEN)"
  }
  override class var trust: Trust { .innocuous }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var places = (prefix: -1, line: -1)
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard constraint.isUsable && constraint.isEquality else { continue }
      if constraint.column == 1 { places.prefix = index }
      if constraint.column == 2 { places.line = index }
    }
    var count = 0
    var number: Int32 = 0
    if places.prefix >= 0 {
      plan.use(places.prefix, asArgument: count, isTrusted: true)
      count += 1
      number |= 1
    }
    if places.line >= 0 {
      plan.use(places.line, asArgument: count, isTrusted: true)
      count += 1
      number |= 2
    }
    plan.setNumber(number)
    plan.setCost(5000 - 1000 * Double(count))
    plan.setRows(500 - 100 * Int64(count))
  }

  override func makeCursor() -> VirtualTableCursor { CompletionCursor(connection) }
}

/// A cursor over keywords, then names of databases, tables and columns.
private final class CompletionCursor: VirtualTableCursor {
  private enum Phase: Int64 { case keywords = 1, databases = 7, tables, columns, end = 11 }

  private let connection: VirtualTableConnection
  private var prefix: [UInt8] = []
  private var line: [UInt8] = []
  private var phase = Phase.end
  private var keyword = 0
  private var statement: InnerStatement?
  private var candidate: [UInt8] = []
  private var row: Int64 = 0
  private static let keywords = Keywords.all.map { Array($0.utf8) }

  init(_ connection: VirtualTableConnection) { self.connection = connection }

  override func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    var position = 0
    prefix = []
    line = []
    statement = nil
    if plan & 1 != 0 {
      prefix = arguments[position].text ?? []
      position += 1
    }
    if plan & 2 != 0 { line = arguments[position].text ?? [] }
    if prefix.isEmpty, !line.isEmpty {
      prefix = Array(line.reversed().prefix { Self.isWord($0) }.reversed())
    }
    phase = .keywords
    isAtEnd = false
    keyword = 0
    row = 0
    try next()
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f
  }

  override func next() throws(VirtualTableError) {
    row += 1
    while phase != .end {
      guard advance() else {
        statement = nil
        phase = after(phase)
        continue
      }
      if isMatch { return }
    }
    isAtEnd = true
  }

  /// Moves to the next candidate of this phase; false if there is none.
  private func advance() -> Bool {
    if phase == .keywords {
      guard keyword < Self.keywords.count else { return false }
      candidate = Self.keywords[keyword]
      keyword += 1
      return true
    }
    if statement == nil { statement = prepare() }
    guard let statement, statement.step() else { return false }
    candidate = statement.value(phase == .databases ? 1 : 0).text ?? []
    return true
  }

  private func after(_ phase: Phase) -> Phase {
    switch phase {
    case .keywords: .databases
    case .databases: .tables
    case .tables: .columns
    default: .end
    }
  }

  private func prepare() -> InnerStatement? {
    if phase == .databases { return connection.prepare("PRAGMA database_list") }
    guard let databases = connection.prepare("PRAGMA database_list") else { return nil }
    var parts: [String] = []
    while databases.step() {
      let schema = String(preserving: databases.value(1).text ?? [])
      let table = Identifier.quoted(schema) + ".sqlite_schema"
      parts.append(
        phase == .tables
          ? "SELECT name FROM \(table)"
          : "SELECT pti.name FROM \(table) AS sm JOIN pragma_table_info(sm.name,\(SQLText.literal(schema))) AS pti"
            + " WHERE sm.type='table'")
    }
    return connection.prepare(parts.joined(separator: " UNION "))
  }

  /// Whether the candidate begins like the typed text, without regard to case.
  private var isMatch: Bool {
    guard candidate.count >= prefix.count else { return false }
    return zip(prefix, candidate).allSatisfy { lowered($0) == lowered($1) }
  }

  private func lowered(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  override var rowID: Int64 { row }

  override func give(_ column: Int, _ result: FunctionResult) {
    switch column {
    case 0: result.set(text: candidate)
    case 1: if !prefix.isEmpty { result.set(text: prefix) }
    case 2: if !line.isEmpty { result.set(text: line) }
    default: result.set(phase.rawValue)
    }
  }
}
