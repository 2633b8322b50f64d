import Bytes
import ReplicaFormat
import SQLite

/// Collects the statements of the open transaction until it commits.
///
/// - A statement is replayed only if the lists of `ReplayRules` contain everything that it asks
///   SQLite for, as the authorizer reports it.
/// - It is a barrier while the connection holds a schema, statistics or settings that a new
///   connection would not read from the file.
/// - Statements that were rolled back are dropped, and statements that only read are not recorded.
/// - A statement that failed inside a continued transaction is kept with its error, because
///   `OR FAIL` may have changed rows.
///
/// Used on the session's thread only.
final class StatementRecorder {
  private let draft = StatementDraft()
  private var savepoints: [Savepoint] = []
  private var buffer = ByteBuffer()
  /// Lines that set the parameters of the statement in `buffer`.
  private var parameters = ByteBuffer()
  private let packer = StatementPacker()
  /// Bytes of text that wait uncompressed; more is compressed.
  private static let partBytes = 1 << 20
  /// Bytes of the longest recorded statement.
  var longestStatement = Int.max
  /// The random numbers and earlier results that statements get.
  let random = StatementRandom()
  private(set) var counters: StatementCounters?
  /// `PRAGMA`s that give a replay the session's settings.
  private(set) var settings = ""
  /// Increases with each change of the settings.
  private var settingsVersion = 0
  /// Whether a setting ends with the transaction, by commit or rollback.
  private(set) var endsSetting = false
  /// The reason for which no statement of the session can be replayed; nil if they can.
  var peculiarity: String?
  /// Whether the session replaced the LIKE function with `PRAGMA case_sensitive_like`.
  var hasSetLike = false
  private var duration = StatementDuration()
  /// The recorded inputs of a statement, as text.
  private let told = ByteBuffer()

  /// The state to which `ROLLBACK TO` returns.
  private struct Savepoint {
    let name: SavepointName
    let mark: StatementGroup.Mark
    let settingsVersion: Int
  }

  var isEmpty: Bool { draft.count == 0 && draft.barrier == nil }

  /// Whether statistics in memory equal those of the file.
  private var statistics = LoadedStatistics()

  /// Objects of the session that hide others or act by themselves, and attached databases.
  var others = OtherSchemas()

  /// Installs the recording of a statement's inputs.
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

  /// Notes that the connection ran statements before they were recorded.
  func beginLate(_ connection: Connection) { statistics.beginLate(connection) }

  /// Notes the end of any statement.
  func noteEnd(_ statement: Statement, _ code: ResultCode) {
    if statement.explainLevel == 0 {
      statistics.note(statement, succeeded: code == .done)
    }
  }

  /// Notes the beginning of a statement.
  func begin() {
    StatementTime.record()
    StatementZone.begin()
    random.begin()
    counters?.begin()
    duration.begin()
  }

  // MARK: Statements

  /// Records a statement that changed something, or may have.
  ///
  /// `changes` counts the changed rows, including those of triggers.
  func add(_ statement: Statement, changes: Int64, error: ResultCode?) {
    guard statement.explainLevel == 0 else { return }
    let reach = statement.reach
    // Changes of the session alone are not in the main database.
    if !reach.isMainOnly, reach.contains(.writesOther), !reach.contains(.writesMain) {
      // Virtual tables write their pending rows at the beginning of any statement that writes. The
      // statement has not changed these rows itself (https://www.sqlite.org/c3ref/changes.html).
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

  /// Returns the rows that a statement changed itself; 0 if SQLite does not report them, as for
  /// `CREATE`.
  private func ownChanges(_ statement: Statement) -> Int64 {
    statement.changesRows && !statement.changesSchema ? statement.connection.changes : 0
  }

  /// Returns whether a plain statement of the open transaction can be recorded without further
  /// checks.
  func takesPlainStatements(of connection: Connection) -> Bool {
    draft.count > 0 && others.trigger == nil && peculiarity == nil && statistics.difference == nil
      && connection.peculiarity == nil
      && !(connection.hasOwnLimits && others.hasVirtualTables) && !endsSetting
      && connection.outsideReach.latest == nil && !connection.hasDrawnRow
  }

  /// Records a plain statement of a transaction that holds others; returns false if it needs more
  /// checks.
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

  /// Appends a long text directly from SQLite, without a second copy.
  private func note(_ statement: Statement, long count: Int, changes: Int64, error: ResultCode?) {
    beginDraft(statement)
    draft.append(
      long: count, changes: changes, error: error?.primary.rawValue, told: told,
      took: StatementRecorder.rounded(duration.microseconds()), parts: Self.partBytes,
      pack: { packer.pack($0) }, { statement.appendSQL($0, to: $1) })
  }

  /// Begins the draft at the first statement of a transaction, and puts this one's inputs into
  /// `told`.
  private func beginDraft(_ statement: Statement) {
    if draft.count == 0 {
      draft.begin(settings: settings, isExplicit: !statement.connection.isInAutocommit)
    }
    told.removeAll()
    if hasAsked { noteTold() }
  }

  /// Appends the statement in `buffer`.
  private func note(_ statement: Statement, changes: Int64, error: ResultCode?) {
    let took = StatementRecorder.rounded(duration.microseconds())
    beginDraft(statement)
    draft.append(
      buffer, parameters: parameters, changes: changes, error: error?.primary.rawValue, told: told, took: took
    )
    if let part = draft.closePart(of: Self.partBytes) { packer.pack(part) }
  }

  /// Whether the statement used an input that is not in the database.
  private var hasAsked: Bool {
    StatementTime.recorded != nil || random.seed != nil || StatementZone.wasAsked
      || counters?.wasAsked == true
  }

  /// Records the inputs of the statement.
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

  /// Rounds to two digits, which are enough to find slow statements.
  private static func rounded(_ microseconds: Int64) -> Int64 {
    if microseconds < 100 { return max(microseconds, 0) }
    var unit: Int64 = 10
    while microseconds / unit >= 100 { unit *= 10 }
    return microseconds / unit * unit
  }

  /// Returns the reason for which a statement cannot be replayed; nil if it can.
  private func reason(_ statement: Statement, _ reach: StatementAccess) -> String? {
    let connection = statement.connection
    if let peculiarity = connection.peculiarity ?? peculiarity { return peculiarity }
    statistics.noteWriting(reach)
    if draft.count == 0, others.hasStatistics { statistics.noteOthers(connection) }
    if let difference = statistics.difference { return difference }
    if StatementZone.isFailing { return "local time fails by .testctrl" }
    // Statements of virtual tables may fail under these limits, or act differently.
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

  /// Makes the open transaction a barrier.
  func refuse(_ reason: String) { draft.refuse(reason) }

  // MARK: Settings

  /// Notes changed settings.
  func change(settings new: String) {
    guard new != settings else { return }
    settings = new
    endsSetting = new.contains("defer_foreign_keys=1")
    settingsVersion += 1
    if draft.count > 0 { refuse("settings were changed within the transaction") }
  }

  /// Notes settings that a statement within the transaction has changed.
  func change(settings new: String, by statement: Statement) {
    guard new != settings else { return }
    // A statement that a replay would not run becomes a barrier.
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

  /// Follows savepoints, to drop the statements that `ROLLBACK TO` undoes.
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
      // `ROLLBACK TO` does not undo a PRAGMA.
      if savepoints[at].settingsVersion != settingsVersion {
        refuse("settings were changed since a savepoint that was rolled back")
      }
    default: break
    }
  }

  /// Handles a savepoint that could not be set or released.
  ///
  /// Virtual tables write their pending rows at that time, and may have lost them. This is not so
  /// if no savepoint has the name, or a statement blocks it.
  private func noteFailedControl(_ control: StatementControl, _ code: ResultCode) {
    switch (control, code.primary) {
    case (_, .ok), (_, .busy), (.release, .error), (.rollbackTo, .error): break
    case (.savepoint, _), (.release, _), (.rollbackTo, _): refuse("a savepoint failed (\(code.meaning))")
    default: break
    }
  }

  /// Returns the statements of a committed transaction.
  func commit() -> StatementGroup {
    if !savepoints.isEmpty { savepoints = [] }
    statistics.commit()
    return draft.finish()
  }

  /// Drops the statements of a transaction that was rolled back.
  func discard() {
    draft.discard()
    statistics.rollBack()
    if !savepoints.isEmpty { savepoints = [] }
  }
}
