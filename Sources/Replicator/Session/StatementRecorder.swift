import Bytes
import ReplicaFormat
import SQLite

/// Collects the statements of the transaction that is open, until it commits.
///
/// A statement is replayed only if all that it asks SQLite for, as the authorizer reports it, is on the lists of `ReplayRules`: what
/// follows from the database and from what is recorded. It is a barrier, too, while the connection holds a schema, statistics or
/// settings in memory that a new connection would not read from the file.
///
/// Statements that were rolled back are forgotten, those that only read are never noted. One that failed inside a
/// transaction that went on is kept with its error: with `OR FAIL` it may have changed rows.
final class StatementRecorder {
  private let draft = StatementDraft()
  private var savepoints: [Savepoint] = []
  private var buffer = ByteBuffer()
  /// Lines that give the parameters of the statement in `buffer` their values.
  private var parameters = ByteBuffer()
  private let packer = StatementPacker()
  /// Bytes of text that wait as they are; more is compressed.
  private static let partBytes = 1 << 20
  /// Bytes of the longest statement that is recorded.
  var longestStatement = Int.max
  /// What statements are told of chance and of what was before.
  let random = StatementRandom()
  private(set) var counters: StatementCounters?
  /// `PRAGMA`s that give a replay the session's settings.
  private(set) var settings = ""
  /// Goes up with each change of the settings.
  private var settingsVersion = 0
  /// Whether one of them ends with the transaction, however that ends.
  private(set) var endsSetting = false
  /// Why nothing that the session does can be replayed; nil where it can.
  var peculiarity: String?
  /// Whether the session gave LIKE another function by `PRAGMA case_sensitive_like`.
  var hasSetLike = false
  private var duration = StatementDuration()
  /// What a statement was told, as text.
  private let told = ByteBuffer()

  /// What a savepoint would return to.
  private struct Savepoint {
    let name: SavepointName
    let mark: StatementGroup.Mark
    let settingsVersion: Int
  }

  var isEmpty: Bool { draft.count == 0 && draft.barrier == nil }

  /// Whether statistics in memory are those of the file.
  private var statistics = LoadedStatistics()

  /// Objects of the session that hide others or act by themselves, and attached databases.
  var others = OtherSchemas()

  /// Puts what statements are told under control.
  func install(on connection: Connection) throws(SQLiteError) {
    StatementTime.install()
    LockWaits.install()
    StatementZone.install()
    try random.install(on: connection)
    let counters = StatementCounters(connection)
    try counters.install(on: connection)
    self.counters = counters
    try connection.watchReach()
    connection.watchLargestRows()
  }

  /// The connection has run statements before it was recorded.
  func beginLate(_ connection: Connection) { statistics.beginLate(connection) }

  /// A statement has ended, whatever it was.
  func noteEnd(_ statement: Statement, _ code: ResultCode) {
    if statement.explainLevel == 0 {
      statistics.note(statement, succeeded: code == .done)
    }
  }

  /// A statement begins.
  func begin() {
    StatementTime.record()
    StatementZone.begin()
    random.begin()
    counters?.begin()
    duration.begin()
  }

  // MARK: Statements

  /// Notes a statement that changed something, or may have; `changes` counts the rows, triggers' too.
  func add(_ statement: Statement, changes: Int64, error: ResultCode?) {
    guard statement.explainLevel == 0 else { return }
    let reach = statement.reach
    // What concerns the session alone is not in the main database.
    if !reach.isMainOnly, reach.contains(.writesOther), !reach.contains(.writesMain) {
      // Virtual tables write what they keep where a statement begins to write, whatever it writes: rows that it has not
      // changed itself (https://www.sqlite.org/c3ref/changes.html).
      if draft.count > 0, others.hasVirtualTables, changes != 0, changes != ownChanges(statement) {
        refuse("virtual tables wrote between two statements")
      }
      return
    }
    if let error {
      if StatementFailure.changedNothing(statement, changes, error) { return }
      guard StatementFailure.comesFromSurroundings(error, statement.connection) else {
        return write(statement, statement.wholeReach, changes: changes, error: error)
      }
      return refuse("a statement failed (\(error.meaning)) after it may have changed something")
    }
    write(statement, statement.wholeReach, changes: changes, error: nil)
  }

  /// Rows that a statement changed itself; none where that is not told, as for `CREATE`.
  private func ownChanges(_ statement: Statement) -> Int64 {
    statement.changesRows && !statement.changesSchema ? statement.connection.changes : 0
  }

  /// Whether nothing but itself decides how a plain statement of the open transaction is noted.
  func takesPlainStatements(of connection: Connection) -> Bool {
    draft.count > 0 && others.trigger == nil && peculiarity == nil && statistics.difference == nil
      && connection.peculiarity == nil
      && !(connection.hasOwnLimits && others.hasVirtualTables) && !endsSetting
      && connection.outsideReach.latest == nil && !connection.hasDrawnRow
  }

  /// Notes a plain statement of a transaction that holds others; false where more is to be asked.
  func addPlain(_ statement: Statement, changes: Int64) -> Bool {
    guard !hasAsked, !StatementZone.isFailing else { return false }
    let count = statement.sqlLength
    guard count < Self.partBytes else { return false }
    let took = StatementRecorder.rounded(duration.microseconds())
    draft.append(bytes: count, changes: changes, took: took) { text in statement.appendSQL(count, to: text) }
    if let part = draft.closePart(of: Self.partBytes) { packer.pack(part) }
    return true
  }

  private func write(_ statement: Statement, _ reach: StatementAccess, changes: Int64, error: ResultCode?) {
    let length = statement.sqlLength
    buffer.removeAll()
    if length >= Self.partBytes, statement.parameterCount == 0, others.temporary.isEmpty {
      if let reason = reason(statement, reach) { refuse(reason) }
      guard length <= longestStatement else { return refuse(Self.tooLong) }
      return note(statement, long: length, changes: changes, error: error)
    }
    parameters.removeAll()
    defer {
      if buffer.count > Self.partBytes { buffer = ByteBuffer() }
      if parameters.count > Self.partBytes { parameters = ByteBuffer() }
    }
    guard statement.appendRecorded(to: buffer, parameters: parameters) else {
      return refuse("a statement has parameters that a script cannot give it")
    }
    guard buffer.count + parameters.count <= longestStatement else { return refuse(Self.tooLong) }
    if let reason = reason(statement, reach) { refuse(reason) }
    note(statement, changes: changes, error: error)
  }

  private static let tooLong = "a statement is longer than any that is recorded"

  /// Appends a long text as SQLite has it, without holding it twice.
  private func note(_ statement: Statement, long count: Int, changes: Int64, error: ResultCode?) {
    beginDraft(statement)
    draft.append(
      long: count, changes: changes, error: error?.primary.rawValue, told: told,
      took: StatementRecorder.rounded(duration.microseconds()), parts: Self.partBytes,
      pack: { packer.pack($0) }, { statement.appendSQL($0, to: $1) })
  }

  /// The first statement of a transaction begins its draft; what this one was told stands in `told` then.
  private func beginDraft(_ statement: Statement) {
    if draft.count == 0 {
      draft.begin(settings: settings, isExplicit: !statement.connection.isInAutocommit)
    }
    told.removeAll()
    if hasAsked { noteTold() }
  }

  /// Appends what stands in `buffer`.
  private func note(_ statement: Statement, changes: Int64, error: ResultCode?) {
    let took = StatementRecorder.rounded(duration.microseconds())
    beginDraft(statement)
    draft.append(
      buffer, parameters: parameters, changes: changes, error: error?.primary.rawValue, told: told, took: took
    )
    if let part = draft.closePart(of: Self.partBytes) { packer.pack(part) }
  }

  /// Whether the statement asked for anything that it would not find in the database.
  private var hasAsked: Bool {
    StatementTime.recorded != nil || random.seed != nil || StatementZone.wasAsked
      || counters?.wasAsked == true
  }

  /// Notes what the statement was told of it.
  private func noteTold() {
    var told = RecordedInputs()
    told.now = StatementTime.recorded
    told.seed = random.seed
    if StatementZone.wasAsked {
      told.zone = StatementZone.present
      if told.zone.map({ RecordedInputs.canHold(zone: $0) }) != true {
        refuse("the local time zone has no name")
      }
    }
    if let counters, counters.wasAsked {
      told.rowID = counters.record.rowID
      told.total = counters.record.total
      told.changes = counters.record.changes.map { RecordedInputs.Run($0.value, $0.count) }
      if counters.isOverfull { refuse("a statement asked changes() too often") }
    }
    told.append(to: self.told)
  }

  /// Two digits are enough to find what is slow.
  private static func rounded(_ microseconds: Int64) -> Int64 {
    if microseconds < 100 { return max(microseconds, 0) }
    var unit: Int64 = 10
    while microseconds / unit >= 100 { unit *= 10 }
    return microseconds / unit * unit
  }

  /// Why a statement cannot be replayed; nil where it can.
  private func reason(_ statement: Statement, _ reach: StatementAccess) -> String? {
    let connection = statement.connection
    if let peculiarity = connection.peculiarity ?? peculiarity { return peculiarity }
    statistics.noteWriting(reach)
    if draft.count == 0, others.hasStatistics { statistics.noteOthers(connection) }
    if let difference = statistics.difference { return difference }
    if StatementZone.isFailing { return "local time fails by .testctrl" }
    // Their own statements may fail, or do something else.
    if connection.hasOwnLimits, others.hasVirtualTables {
      return "limits were set, which virtual tables may meet"
    }
    if connection.hasDrawnRow, let table = connection.drawnRow {
      return "a row number of table \(table) may have been drawn at random"
    }
    if draft.count == 0, connection.othersUsedLargestRow() {
      return "another connection has used a table's largest row number"
    }
    if reach.isMainOnly, connection.outsideReach.latest == nil, others.trigger == nil { return nil }
    if let outside = connection.outsideReach.latest { return "a statement uses \(outside)" }
    if reach.contains(.foreignFunction) || reach.contains(.foreignTable) {
      return "a statement uses \(connection.foreignName)"
    }
    if reach.contains(.shadowTable) {
      return "a statement writes to a table that a virtual table keeps its content in"
    }
    if let trigger = others.trigger { return "a statement uses temporary trigger \(trigger) of the session" }
    if reach.contains(.temporary) { return "a statement uses temporary tables of the session" }
    if reach.contains(.allSchemas), others.hasTemporary || !others.attached.isEmpty {
      return "a statement looks up names that temporary or attached objects may have"
    }
    if reach.contains(.runsSQL), connection.hasInnerControl {
      return "a function ran a statement that is more than a query"
    }
    if reach.contains(.runsSQL), reach.contains(.describesSession) {
      return "a statement asks for a value of the session"
    }
    if reach.contains(.attached) { return "a statement uses an attached database" }
    if reach.contains(.temporarySchema), !others.temporary.isEmpty {
      return "a statement changes temporary objects of the session"
    }
    if reach.contains(.placeless) { return others.use(in: buffer) }
    return nil
  }

  /// The open transaction becomes a barrier.
  func refuse(_ reason: String) { draft.refuse(reason) }

  // MARK: Settings

  /// Other settings hold from now on.
  func change(settings new: String) {
    guard new != settings else { return }
    settings = new
    endsSetting = new.contains("defer_foreign_keys=1")
    settingsVersion += 1
    if draft.count > 0 { refuse("settings were changed within the transaction") }
  }

  /// A statement within the transaction has changed the settings.
  func change(settings new: String, by statement: Statement) {
    guard new != settings else { return }
    // What a replay would not run becomes a barrier.
    guard !statement.reach.contains(.foreignFunction) else { return change(settings: new) }
    buffer.removeAll()
    parameters.removeAll()
    statement.appendSQL(statement.sqlLength, to: buffer)
    note(statement, changes: 0, error: nil)
    draft.leaveSettings()
    settings = new
    endsSetting = new.contains("defer_foreign_keys=1")
    settingsVersion += 1
  }

  // MARK: Transactions

  /// Follows savepoints, so that what `ROLLBACK TO` undoes is forgotten.
  func noteControl(_ control: StatementControl, _ code: ResultCode) {
    guard code == .done else { return noteFailedControl(control, code) }
    switch control {
    case .savepoint(let name):
      savepoints.append(Savepoint(name: name, mark: draft.mark, settingsVersion: settingsVersion))
    case .release(let name):
      if let at = savepoints.lastIndex(where: { $0.name == name }) {
        savepoints.removeLast(savepoints.count - at)
      }
    case .rollbackTo(let name):
      guard let at = savepoints.lastIndex(where: { $0.name == name }) else { return }
      savepoints.removeLast(savepoints.count - at - 1)
      draft.rewind(to: savepoints[at].mark)
      if statistics.rollBack() { refuse("statistics of the session were rolled back") }
      // What a PRAGMA set stays as it is.
      if savepoints[at].settingsVersion != settingsVersion {
        refuse("settings were changed since a savepoint that was rolled back")
      }
    default: break
    }
  }

  /// A savepoint that could not be set or released: virtual tables write what they keep at that time, and may have lost it.
  ///
  /// Not where there is none of that name, or a statement is in the way.
  private func noteFailedControl(_ control: StatementControl, _ code: ResultCode) {
    switch (control, code.primary) {
    case (_, .ok), (_, .busy), (.release, .error), (.rollbackTo, .error): break
    case (.savepoint, _), (.release, _), (.rollbackTo, _): refuse("a savepoint failed (\(code.meaning))")
    default: break
    }
  }

  /// Hands over the statements of a transaction that committed.
  func commit() -> StatementGroup {
    if !savepoints.isEmpty { savepoints = [] }
    statistics.commit()
    return draft.finish()
  }

  /// Forgets the statements of a transaction that was rolled back.
  func discard() {
    draft.discard()
    statistics.rollBack()
    if !savepoints.isEmpty { savepoints = [] }
  }
}
