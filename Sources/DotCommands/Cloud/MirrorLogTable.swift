import Bytes
import Replicator
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite

/// `mirror_log(SINCE,UNTIL)`: the statements of the session's replica as a table, like
/// `.mirror log`.
///
/// Rows are read from the store on demand. Triggers and views cannot use it, because a schema must
/// not start requests.
final class MirrorLogTable: VirtualTable {
  static let module = ModuleDefinition("mirror_log", MirrorLogTable.self, reachesOutside: true)

  static func install(on connection: Connection, _ session: MirrorSession) throws(SQLiteError) {
    try connection.add(module, context: session)
  }

  override class var declaration: String {
    "CREATE TABLE x(time TEXT, \"transaction\" INTEGER, session TEXT, statement INTEGER, sql TEXT, changes INTEGER, "
      + "duration_us INTEGER, error INTEGER, barrier TEXT, parameters TEXT, since HIDDEN, until HIDDEN, txn INTEGER HIDDEN)"
  }
  override class var trust: Trust { .directOnly }

  enum Column: Int {
    case time, transaction, session, statement, sql, changes, duration, error, barrier, parameters, since,
      until, txn
  }

  /// The values that the cursor gets, in this order, and the bit of each in a plan's number.
  enum Given: Int32, CaseIterable {
    case since, until, timeFrom, timeTo, time, transactionFrom, transactionTo, transaction
  }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var places: [Given: Int] = [:]
    var isWaiting = false
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard let given = Self.given(constraint) else { continue }
      guard constraint.isUsable else {
        if given == .since || given == .until { isWaiting = true }
        continue
      }
      places[given] = places[given] ?? index
    }
    // The argument comes from another table; another order of the tables makes it usable.
    if isWaiting { throw VirtualTableError(.constraint) }
    var number: Int32 = 0
    var position = 0
    for given in Given.allCases {
      guard let index = places[given] else { continue }
      // Times and numbers only set a bound; SQLite compares the rows itself.
      plan.use(index, asArgument: position, isTrusted: given == .since || given == .until)
      position += 1
      number |= 1 << given.rawValue
    }
    plan.setNumber(number)
    plan.setCost(number == 0 ? 1e7 : 1e5)
    plan.setRows(number == 0 ? 1_000_000 : 10_000)
  }

  private static func given(_ constraint: QueryPlan.Constraint) -> Given? {
    guard let column = Column(rawValue: constraint.column) else { return nil }
    switch (column, constraint.comparison) {
    case (.since, .equal): return .since
    case (.until, .equal): return .until
    case (.time, .equal) where constraint.isBinary: return .time
    case (.time, .greater), (.time, .greaterOrEqual): return constraint.isBinary ? .timeFrom : nil
    case (.time, .less), (.time, .lessOrEqual): return constraint.isBinary ? .timeTo : nil
    case (.transaction, .equal), (.txn, .equal): return .transaction
    case (.transaction, .greater), (.transaction, .greaterOrEqual), (.txn, .greater), (.txn, .greaterOrEqual):
      return .transactionFrom
    case (.transaction, .less), (.transaction, .lessOrEqual), (.txn, .less), (.txn, .lessOrEqual):
      return .transactionTo
    default: return nil
    }
  }

  override func makeCursor() -> VirtualTableCursor {
    MirrorLogCursor(connection.context as? MirrorSession)
  }
}

/// A cursor over logged statements.
private final class MirrorLogCursor: VirtualTableCursor {
  private let session: MirrorSession?
  private var history: StatementHistory?
  private var entry: StatementHistory.Entry?
  private var arguments: (since: String?, until: String?) = (nil, nil)
  private var row: Int64 = 0

  init(_ session: MirrorSession?) { self.session = session }

  override func begin(plan number: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    row = 0
    isAtEnd = true
    let bounds = try read(number, arguments)
    try failing {
      if session?.refusesInSafeMode("cannot use the mirror_log() function in safe mode") == true {
        throw MirrorError(.refused, "not authorized")
      }
      guard let session, let mirror = session.mirror, mirror.isOn else {
        throw MirrorError(.notMirrored, "nothing is mirrored: use .mirror on URL")
      }
      // The rows include the newest commits.
      try mirror.flush(seconds: session.settings.flushTimeout)
      let source = ObjectSource(
        ReplicaCatalog(mirror.store), patience: session.patience, isInterrupted: session.isInterrupted)
      history = try StatementHistory(source, bounds)
    }
    try next()
  }

  private func read(_ number: Int32, _ values: Arguments) throws(VirtualTableError) -> StatementHistory.Bounds
  {
    var bounds = StatementHistory.Bounds()
    var position = 0
    arguments = (nil, nil)
    for given in MirrorLogTable.Given.allCases where number & 1 << given.rawValue != 0 {
      let value = values[position]
      position += 1
      switch given {
      case .since:
        arguments.since = value.text.map { String(decoding: $0, as: UTF8.self) }
        bounds.since = try Self.time(arguments.since)
      case .until:
        arguments.until = value.text.map { String(decoding: $0, as: UTF8.self) }
        bounds.until = try Self.time(arguments.until)
      case .timeFrom: bounds.narrow(from: Self.bound(value))
      case .timeTo: bounds.narrow(to: Self.bound(value))
      case .time: bounds.narrow(from: Self.bound(value), to: Self.bound(value))
      case .transactionFrom: bounds.narrow(transactionsFrom: Self.number(value))
      case .transactionTo: bounds.narrow(transactionsTo: Self.number(value))
      case .transaction:
        bounds.narrow(transactionsFrom: Self.number(value))
        bounds.narrow(transactionsTo: Self.number(value))
      }
    }
    return bounds
  }

  private static func time(_ text: String?) throws(VirtualTableError) -> Int64? {
    guard let text else { return nil }
    guard let time = ISOTime.parse(text) else {
      throw VirtualTableError("mirror_log(): not a time: \(text): write it as 2026-01-31T13:45:00Z")
    }
    return time
  }

  /// Returns the time of a text that is compared with the column; nil if the order of texts is not
  /// that of times.
  private static func bound(_ value: Argument) -> Int64? {
    guard value.storageClass == .text, let bytes = value.text else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let time = ISOTime.parse(text), ISOTime.text(time).utf8.starts(with: bytes) else { return nil }
    return time
  }

  private static func number(_ value: Argument) -> UInt64? {
    guard value.storageClass == .integer else { return nil }
    return UInt64(clamping: value.integer)
  }

  override func next() throws(VirtualTableError) {
    try failing { entry = try history?.next() }
    isAtEnd = entry == nil
    row += 1
  }

  override var rowID: Int64 { row }

  /// Turns an error of the store or of a batch into the statement's error.
  private func failing(_ body: () throws -> Void) throws(VirtualTableError) {
    do {
      try body()
    } catch let error as RestoreError where error.code == .interrupted {
      throw VirtualTableError(.interrupt)
    } catch {
      throw VirtualTableError("mirror_log(): \(error)")
    }
  }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard let entry, let column = MirrorLogTable.Column(rawValue: column) else { return }
    let statement = entry.statement
    switch column {
    case .time: result.set(text: ISOTime.text(entry.transaction.time))
    case .transaction, .txn: result.set(Int64(bitPattern: entry.transaction.number))
    case .session: if let session = entry.session { result.set(text: session) }
    case .statement: if let number = entry.number { result.set(Int64(number)) }
    case .sql: if statement != nil { result.set(text: entry.sql) }
    case .changes: if let statement { result.set(statement.changes) }
    case .duration: if let duration = statement?.told.duration { result.set(duration) }
    case .error: if let error = statement?.error { result.set(Int64(error)) }
    case .barrier: if let barrier = entry.transaction.barrier { result.set(text: barrier) }
    case .parameters: if !entry.parameters.isEmpty { result.set(text: entry.parameters) }
    case .since: if let since = arguments.since { result.set(text: since) }
    case .until: if let until = arguments.until { result.set(text: until) }
    }
  }
}

extension StatementHistory.Bounds {
  /// Narrows the bounds; nil leaves a bound unchanged.
  fileprivate mutating func narrow(from: Int64? = nil, to: Int64? = nil) {
    if let from { since = Swift.max(since ?? from, from) }
    if let to { until = Swift.min(until ?? to, to) }
  }

  fileprivate mutating func narrow(transactionsFrom first: UInt64?) {
    if let first { lowest = Swift.max(lowest, first) }
  }

  fileprivate mutating func narrow(transactionsTo last: UInt64?) {
    if let last { highest = Swift.min(highest, last) }
  }
}
