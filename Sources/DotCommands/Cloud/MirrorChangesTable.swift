import Bytes
import History
import Replica
import ReplicaFormat
import Replicator
import Restore
import SQLite

/// Provides row changes of the session's replica as the rows of a table-valued function.
///
/// `mirror_diff(FROM, TO, TABLE)` and `mirror_history(TABLE, KEY)` return values as JSON objects,
/// as `.mirror diff --json` prints them. Triggers and views cannot use them, because a schema must
/// not start requests.
class MirrorChangesTable: VirtualTable {
  static func install(on connection: Connection, _ session: MirrorSession) throws(SQLiteError) {
    try connection.add(
      ModuleDefinition("mirror_diff", MirrorDiffTable.self, reachesOutside: true), context: session)
    try connection.add(
      ModuleDefinition("mirror_history", MirrorHistoryTable.self, reachesOutside: true), context: session)
  }

  override class var declaration: String {
    "CREATE TABLE x(\"transaction\" INTEGER, time TEXT, \"table\" TEXT, change TEXT, key TEXT, before TEXT, after TEXT, "
      + arguments.map { "\($0) HIDDEN" }.joined(separator: ", ") + ")"
  }
  override class var trust: Trust { .directOnly }
  /// The names of the hidden columns, which are the arguments.
  class var arguments: [String] { [] }

  static let visible = 7

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var places: [Int: Int] = [:]
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      let argument = constraint.column - Self.visible
      guard argument >= 0, constraint.comparison == .equal else { continue }
      // Another table of the query provides this argument, so SQLite must read that table first.
      guard constraint.isUsable else { throw VirtualTableError(.constraint) }
      places[argument] = places[argument] ?? index
    }
    var number: Int32 = 0
    var position = 0
    for argument in 0..<Self.arguments.count {
      guard let index = places[argument] else { continue }
      plan.use(index, asArgument: position, isTrusted: true)
      position += 1
      number |= 1 << Int32(argument)
    }
    plan.setNumber(number)
    plan.setCost(1e5)
    plan.setRows(1000)
  }
}

/// Implements `mirror_diff(FROM, TO, TABLE)`.
private final class MirrorDiffTable: MirrorChangesTable {
  override class var arguments: [String] { ["moment_from", "moment_to", "table_name"] }

  override func makeCursor() -> VirtualTableCursor {
    MirrorChangesCursor("mirror_diff", Self.arguments.count, connection.context as? MirrorSession) {
      session, values in
      let replica = try MirrorChangesCursor.replica(session)
      var moments: [Moment] = []
      for text in values.prefix(2) { if let text { moments.append(try MomentWords.moment(text)) } }
      let (from, to) = try MirrorDiff.ends(moments, replica)
      let diff = try RowDiff(from: from, to: to, session.past.files) { try replica.source.checkInterrupt() }
      var found: [MirrorChangesCursor.Row] = []
      for name in values[2].map({ [$0] }) ?? diff.tableNames {
        try diff.forEachChange(of: name) {
          found.append(MirrorChangesCursor.Row(moment: to.moment, change: $0))
        }
      }
      return found
    }
  }
}

/// Implements `mirror_history(TABLE, KEY)`.
private final class MirrorHistoryTable: MirrorChangesTable {
  override class var arguments: [String] { ["table_name", "key_value"] }

  override func makeCursor() -> VirtualTableCursor {
    MirrorChangesCursor("mirror_history", Self.arguments.count, connection.context as? MirrorSession) {
      session, values in
      guard let table = values[0] else { throw MirrorError(.refused, "name a table: mirror_history('t')") }
      let replica = try MirrorChangesCursor.replica(session)
      var found: [MirrorChangesCursor.Row] = []
      try RowHistory(replica, session.past.files, table: table).find(key: values[1], condition: nil) {
        moment, _, changes in
        found += changes.map { MirrorChangesCursor.Row(moment: moment, change: $0) }
      }
      return found
    }
  }
}

/// Walks over row changes, all of which are found at the beginning.
private final class MirrorChangesCursor: VirtualTableCursor {
  struct Row {
    let moment: PageHistory.Moment
    let change: RowChange
  }

  typealias Find = (_ session: MirrorSession, _ values: [String?]) throws -> [Row]

  private let name: String
  private let count: Int
  private let session: MirrorSession?
  private let find: Find
  private var values: [String?] = []
  private var rows: [Row] = []
  private var at = 0

  init(_ name: String, _ count: Int, _ session: MirrorSession?, find: @escaping Find) {
    self.name = name
    self.count = count
    self.session = session
    self.find = find
  }

  /// Flushes the mirror, and returns the replica that the session writes to.
  static func replica(_ session: MirrorSession) throws -> PastReplica {
    guard let mirror = session.mirror, mirror.isOn else {
      throw MirrorError(.notMirrored, "nothing is mirrored: use .mirror on URL")
    }
    try mirror.flush(seconds: session.settings.flushTimeout)
    session.past.register()
    return try session.past.replica(nil, for: session.mirroredPath)
  }

  override func begin(plan number: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    values = Array(repeating: nil, count: count)
    var position = 0
    for argument in 0..<count where number & 1 << Int32(argument) != 0 {
      values[argument] = arguments[position].text.map { String(decoding: $0, as: UTF8.self) }
      position += 1
    }
    at = 0
    do {
      guard let session else { throw MirrorError(.notMirrored, "nothing is mirrored") }
      if session.refusesInSafeMode("cannot use the \(name)() function in safe mode") {
        throw MirrorError(.refused, "not authorized")
      }
      rows = try find(session, values)
    } catch let error as RestoreError where error.code == .interrupted {
      throw VirtualTableError(.interrupt)
    } catch {
      throw VirtualTableError("\(name)(): \(error)")
    }
    isAtEnd = rows.isEmpty
  }

  override func next() throws(VirtualTableError) {
    at += 1
    isAtEnd = at >= rows.count
  }

  override var rowID: Int64 { Int64(at + 1) }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard rows.indices.contains(at) else { return }
    let (moment, change) = (rows[at].moment, rows[at].change)
    switch column {
    case 0: result.set(Int64(bitPattern: moment.transaction))
    case 1: result.set(text: ISOTime.text(moment.time))
    case 2: result.set(text: change.table.name)
    case 3: result.set(text: "\(change.kind)")
    case 4: result.set(text: MirrorDiff.object(change.table.keyNames, change.key))
    case 5: if let row = change.before { result.set(text: MirrorDiff.object(row.columns, row.values)) }
    case 6: if let row = change.after { result.set(text: MirrorDiff.object(row.columns, row.values)) }
    default: if let value = values[column - MirrorChangesTable.visible] { result.set(text: value) }
    }
  }
}
