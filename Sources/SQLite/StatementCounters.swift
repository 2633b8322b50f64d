internal import CSQLite

/// The results of `last_insert_rowid()`, `changes()` and `total_changes()`, recorded or replayed.
///
/// A replay runs other statements before one than the session did, so these three would differ.
/// Belongs to its connection.
package final class StatementCounters {
  /// The maximum number of runs of equal answers of `changes()`.
  package static let mostRuns = 64

  /// The answers that a statement used; nil and empty if it used none.
  package struct Record: Sendable, Equatable {
    /// `last_insert_rowid()` before the statement.
    package var rowID: Int64?
    /// `total_changes()` before the statement.
    package var total: Int64?
    /// Answers of `changes()`: how often each, one after the other.
    package var changes: [(value: Int64, count: Int64)] = []
    package init() {}

    package static func == (left: Record, right: Record) -> Bool {
      left.rowID == right.rowID && left.total == right.total
        && left.changes.elementsEqual(right.changes) { $0 == $1 }
    }
    package var isEmpty: Bool { rowID == nil && total == nil && changes.isEmpty }
  }

  /// The answers that the current statement used.
  package private(set) var record = Record()
  /// Whether there were more answers than are kept.
  package private(set) var isOverfull = false
  /// Whether anything was asked since the statement began.
  package private(set) var wasAsked = false

  private let handle: OpaquePointer
  private var startRowID: Int64 = 0
  private var startTotal: Int64 = 0
  private var given: Record?
  private var run = 0
  private var told: Int64 = 0

  package init(_ connection: Connection) { handle = connection.handle }

  /// Begins a statement whose answers are recorded.
  package func begin() {
    if wasAsked {
      record = Record()
      isOverfull = false
      wasAsked = false
    }
    startRowID = sqlite3_last_insert_rowid(handle)
    startTotal = sqlite3_total_changes64(handle)
  }

  /// Begins a statement that gets the answers of a recorded one.
  package func begin(giving record: Record) {
    if let rowID = record.rowID { sqlite3_set_last_insert_rowid(handle, rowID) }
    startTotal = sqlite3_total_changes64(handle)
    run = 0
    told = 0
    given = record
  }

  /// Registers the three functions with the connection, which must not outlive this object.
  package func install(on connection: Connection) throws(SQLiteError) {
    try add("last_insert_rowid", connection) { call, _, _ in
      guard let counters = StatementCounters.of(call) else { return }
      sqlite3_result_int64(call, counters.lastRowID())
    }
    try add("changes", connection) { call, _, _ in
      guard let counters = StatementCounters.of(call) else { return }
      sqlite3_result_int64(call, counters.changes())
    }
    try add("total_changes", connection) { call, _, _ in
      guard let counters = StatementCounters.of(call) else { return }
      sqlite3_result_int64(call, counters.totalChanges())
    }
  }

  private func add(
    _ name: String, _ connection: Connection,
    _ body: @convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void
  ) throws(SQLiteError) {
    try connection.check(
      sqlite3_create_function_v2(
        connection.handle, name, 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, Unmanaged.passUnretained(self).toOpaque(),
        body, nil, nil, nil))
  }

  private static func of(_ call: OpaquePointer?) -> StatementCounters? {
    sqlite3_user_data(call).map { Unmanaged<StatementCounters>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Returns the last row id.
  ///
  /// A replay sets it at the beginning. Then it changes as it did before.
  private func lastRowID() -> Int64 {
    if given == nil {
      wasAsked = true
      record.rowID = startRowID
    }
    return sqlite3_last_insert_rowid(handle)
  }

  /// Returns the total changes.
  ///
  /// They only add up, so the difference from the beginning is the same in a replay.
  private func totalChanges() -> Int64 {
    let now = sqlite3_total_changes64(handle)
    if let given { return (given.total ?? startTotal) &+ (now &- startTotal) }
    wasAsked = true
    record.total = startTotal
    return now
  }

  /// Returns the changes, and keeps each answer, because a replay cannot set the number.
  private func changes() -> Int64 {
    let now = sqlite3_changes64(handle)
    if let given {
      guard run < given.changes.count else { return now }
      let answer = given.changes[run].value
      told += 1
      if told == given.changes[run].count {
        run += 1
        told = 0
      }
      return answer
    }
    wasAsked = true
    if let last = record.changes.indices.last, record.changes[last].value == now {
      record.changes[last].count += 1
    } else if record.changes.count < Self.mostRuns {
      record.changes.append((now, 1))
    } else {
      isOverfull = true
    }
    return now
  }
}
