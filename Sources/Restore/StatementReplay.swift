import Bytes
import Extensions
import ReplicaFormat
import SQLite

/// Runs logged statements on a database, each with its recorded inputs.
final class StatementReplay {
  private let path: String
  private var connection: Connection
  private let source: ObjectSource
  private let random = StatementRandom()
  private var counters: StatementCounters
  private var shapes: ShapeCache
  /// The current time zone, and the variable TZ as it was before the first statement.
  private var zone: String?
  private var variable: String??
  private var isEnded = false

  /// Refuses everything that no recorder writes.
  private var rules: ReplayGuard

  private let memory: ReplayMemory

  /// Whether LIKE is not SQLite's own any more.
  private var hasOtherLike = false

  init(_ path: String, _ source: ObjectSource) throws {
    self.path = path
    self.source = source
    (connection, counters, rules) = try Self.open(path, source, random)
    shapes = ShapeCache(connection)
    memory = ReplayMemory(path)
    StatementTime.install()
  }

  private static func open(
    _ path: String, _ source: ObjectSource, _ random: StatementRandom
  ) throws -> (Connection, StatementCounters, ReplayGuard) {
    do throws(SQLiteError) {
      let connection = try Connection(path, .readWrite)
      try ExtensionTable.install(on: connection, .withinDatabase)
      // Nothing reads the file before it is complete, so a crash need not leave it intact.
      try connection.execute(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536"
      )
      try random.install(on: connection)
      let counters = StatementCounters(connection)
      try counters.install(on: connection)
      connection.setProgressHandler(every: 100_000) { (try? source.checkInterrupt()) == nil }
      return (connection, counters, try connection.guardReplay())
    } catch {
      throw RestoreError(.database, "open the restored database: \(error.message)")
    }
  }

  /// Closes the database, and restores the process's time and zone.
  func end() {
    guard !isEnded else { return }
    isEnded = true
    shapes.removeAll()
    StatementTime.give(nil)
    if let variable { StatementZone.restore(variable: variable) }
    connection.close()
    memory.end()
  }

  func run(_ transaction: StatementScript.Transaction, of script: StatementReader) throws {
    if !transaction.settings.isEmpty { try apply(transaction.settings, transaction.number) }
    if transaction.isExplicit { try connection.execute("BEGIN") }
    var number = 0
    while let logged = try script.nextStatement() {
      number += 1
      try run(logged, script, transaction.number, number)
    }
    guard transaction.isExplicit else { return }
    do throws(SQLiteError) {
      try connection.execute("COMMIT")
    } catch {
      try requireKnown(transaction.number, "")
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction.number): its COMMIT failed (\(error.message)); use .restore wal")
    }
  }

  /// Applies `PRAGMA`s, and switches in a comment that SQL cannot set.
  private func apply(_ line: String, _ transaction: UInt64) throws {
    let settings: ReplaySettings
    do throws(ReplaySettings.Unknown) {
      settings = try ReplaySettings(line)
    } catch {
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction): its settings hold \"\(error.text.prefix(80))\", which no session records; "
          + "use .restore wal")
    }
    let setsLike = settings.pragmas.contains { $0.name == "case_sensitive_like" }
    if hasOtherLike, !setsLike {
      shapes.removeAll()
      connection.close()
      (connection, counters, rules) = try Self.open(path, source, random)
    }
    hasOtherLike = setsLike
    shapes = ShapeCache(connection)
    for (name, value) in settings.pragmas { try connection.execute("PRAGMA \(name)=\(value)") }
    connection.setUnusualSwitches(settings.switches)
  }

  /// Throws if the recorder would not have written it, without regard to the result in the batch.
  private func requireKnown(_ transaction: UInt64, _ place: String) throws {
    guard let refused = rules.refusal else { return }
    throw RestoreError(
      .diverged,
      "replay transaction \(transaction)\(place): it uses \(refused), which no session records; use .restore wal"
    )
  }

  private func run(
    _ logged: StatementScript.Statement, _ script: StatementReader, _ transaction: UInt64, _ number: Int
  ) throws {
    let before = connection.totalChanges
    var failure: SQLiteError?
    StatementTime.give(logged.told.now)
    random.begin(seed: logged.told.seed)
    if let zone = logged.told.zone, zone != self.zone { try give(zone, transaction, number) }
    var record = StatementCounters.Record()
    record.rowID = logged.told.rowID
    record.total = logged.told.total
    if !logged.told.changes.isEmpty {
      record.changes = logged.told.changes.map { ($0.value, $0.count) }
    }
    counters.begin(giving: record)
    memory.allow(text: logged.sql.count)
    do throws(SQLiteError) {
      if !logged.parameters.isEmpty {
        try runWithParameters(logged, script)
      } else if let statement = shapes.statement(script.script, logged.sql) {
        defer { statement.reset() }
        script.releaseText()
        try statement.run()
      } else {
        try compileAndRun(script, logged.sql)
      }
    } catch {
      failure = error
      try source.checkInterrupt()
    }
    try requireKnown(transaction, ", statement \(number)")
    let changes = connection.totalChanges - before
    if failure?.code.primary == .noMemory, logged.error != ResultCode.noMemory.rawValue {
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction), statement \(number): it needs more memory than the \(memory.text) that a replay "
          + "may use here; use .restore wal")
    }
    guard failure?.code.primary.rawValue == logged.error, changes == logged.changes else {
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction), statement \(number): it changed \(changes) rows"
          + (failure.map { " and failed (\($0.message))" } ?? "")
          + ", but when it was logged \(logged.changes)"
          + (logged.error.map { " and failed (\(ResultCode(rawValue: $0).meaning))" } ?? "")
          + "; use .restore wal")
    }
  }

  /// Runs a statement that is no change of rows; it may change the schema, and with it the unique
  /// columns.
  private func compileAndRun(_ script: StatementReader, _ sql: Range<Int>) throws(SQLiteError) {
    memory.allowDatabase()
    guard let statement = try connection.prepare(script.script, sql) else { return }
    script.releaseText()
    let mayVacuum = statement.mayBeVacuum
    if mayVacuum { connection.allowVacuum(true) }
    defer { if mayVacuum { connection.allowVacuum(false) } }
    if !statement.isPlainlyOfRows { shapes.removeAll() }
    try statement.run()
  }

  /// Binds the values in the lines before a statement to its parameters.
  ///
  /// These lines are not run.
  private func runWithParameters(_ logged: StatementScript.Statement, _ script: StatementReader)
    throws(SQLiteError)
  {
    if let statement = shapes.known(script.script, logged.sql) {
      defer { statement.reset() }
      guard try bind(logged.parameters, of: script.script, to: statement) else { return }
      return try statement.run()
    }
    guard let statement = try connection.prepare(script.script, logged.sql) else { return }
    guard try bind(logged.parameters, of: script.script, to: statement) else { return }
    if statement.isPlainlyOfRows {
      shapes.keep(statement, script.script, logged.sql)
    } else {
      shapes.removeAll()
    }
    defer { statement.reset() }
    try statement.run()
  }

  /// Returns false if the values do not fit the statement's parameters.
  private func bind(
    _ lines: Range<Int>, of script: [UInt8], to statement: Statement
  ) throws(SQLiteError) -> Bool {
    if try ParameterLines.bind(script, lines, to: statement) { return true }
    guard let values = ParameterLines.read(script, lines) else {
      rules.note(refused: "lines before a statement that are no values")
      return false
    }
    guard values.count == statement.parameterCount else {
      rules.note(refused: "values of other parameters")
      return false
    }
    for (index, (key, value)) in values.enumerated() {
      let expected = ParameterLines.key(statement.parameterName(at: index + 1), at: index + 1)
      guard key.preservedBytes == expected.preservedBytes else {
        rules.note(refused: "values of other parameters")
        return false
      }
      try statement.bind(value, at: index + 1)
    }
    return true
  }

  private func give(_ zone: String, _ transaction: UInt64, _ number: Int) throws {
    if variable == nil { variable = .some(StatementZone.variable) }
    guard RecordedInputs.canHold(zone: zone) else {
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction), statement \(number): \"\(zone.prefix(80))\" names no time zone; "
          + "use .restore wal")
    }
    // While the zone is the same, other threads need not stop.
    if zone != StatementZone.present, !StatementZone.give(zone) {
      throw RestoreError(
        .diverged,
        "replay transaction \(transaction), statement \(number): it asked for the local time of \(zone), a time zone "
          + "that this system does not know; use .restore wal")
    }
    self.zone = zone
  }
}
