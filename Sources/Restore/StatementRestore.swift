import Bytes
import Extensions
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite

/// Builds a database by running the statements that were logged, from the base or from the last barrier on.
struct StatementRestore {
  let catalog: ReplicaCatalog
  let plan: RestorePlan
  let target: RestoreTarget
  let progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?

  struct Outcome {
    var transaction: UInt64
    var time: Int64
    var statements = 0
    var notices: [String] = []
  }

  /// Writes the database into an empty file.
  func build(in file: File) throws -> Outcome {
    let (start, reason, scripts) = try findStart()
    var physical = target
    physical.transaction = start
    let before = try WALRestore(
      catalog: catalog, plan: RestorePlan.make(catalog, physical.within(plan.generation)), target: physical,
      progress: progress
    ).build(in: file)
    var outcome = Outcome(transaction: before.transaction, time: before.time)
    if let reason {
      outcome.notices.append("transactions up to \(start) come from the WAL: \(reason)")
    }
    try replay(scripts, from: start, path: file.path, &outcome)
    return outcome
  }

  /// The transaction after which all can be replayed, why that is not the base, and the batches that follow.
  private func findStart() throws -> (start: UInt64, reason: String?, scripts: [String]) {
    let base = plan.manifest.transaction
    var start = plan.contents.statementsReach(backFrom: plan.transaction)
    var reason: String?
    if start > base {
      reason = "no statements of transaction \(start) are in the replica"
    } else {
      start = base
    }
    let batches = plan.contents.statements
      .filter { $0.upperBound > start && $0.lowerBound <= plan.transaction }
      .sorted { $0.lowerBound < $1.lowerBound }
    let names = batches.map { ReplicaLayout.statements(plan.generation, $0) }
    let fetcher = ObjectFetcher(catalog, names)
    while let (name, bytes) = try fetcher.take() {
      var script = try StatementScript(bytes, object: name)
      while let transaction = try script.nextTransaction() {
        guard transaction.number > start, transaction.number <= plan.transaction,
          let barrier = transaction.barrier
        else { continue }
        start = transaction.number
        reason = barrier
      }
    }
    let needed = zip(batches, names).filter { $0.0.upperBound > start }.map(\.1)
    return (start, reason, needed)
  }

  private func replay(_ scripts: [String], from start: UInt64, path: String, _ outcome: inout Outcome) throws
  {
    let connection: Connection
    do throws(SQLiteError) {
      connection = try Connection(path, .readWrite)
      try ExtensionTable.install(on: connection, .withinDatabase)
      // Nothing reads the file before it is complete, so it needs no protection against a crash.
      try connection.execute(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536"
      )
    } catch {
      throw RestoreError(.database, "open the restored database: \(error.message)")
    }
    StatementTime.install()
    defer { StatementTime.give(nil) }
    let random = StatementRandom()
    try random.install(on: connection)
    let fetcher = ObjectFetcher(catalog, scripts)
    fetching: while let (name, bytes) = try fetcher.take() {
      var script = try StatementScript(bytes, object: name)
      while let transaction = try script.nextTransaction() {
        guard transaction.number > start else { continue }
        guard transaction.number <= plan.transaction, transaction.time <= target.time ?? .max else {
          break fetching
        }
        guard transaction.number == outcome.transaction + 1 else {
          throw FormatError(name, "transaction \(outcome.transaction + 1) is missing")
        }
        try replay(transaction, of: &script, on: connection, random)
        outcome.transaction = transaction.number
        outcome.time = transaction.time
        outcome.statements += transaction.statementCount
      }
    }
    connection.close()
    // As it was: in WAL mode, with everything in the one file, which closing sees to. Virtual tables may keep the
    // connection that replayed from doing so.
    let last = try Connection(path, .readWrite)
    try last.execute("PRAGMA journal_mode=WAL")
    last.close()
    for suffix in ["-wal", "-shm", "-journal"] { try Folder.remove(path + suffix) }
  }

  private func replay(
    _ transaction: StatementScript.Transaction, of script: inout StatementScript, on connection: Connection,
    _ random: StatementRandom
  ) throws {
    if !transaction.settings.isEmpty { try connection.execute(transaction.settings) }
    let isMany = transaction.statementCount > 1
    if isMany { try connection.execute("BEGIN") }
    var number = 0
    let text = ByteBuffer()
    while let logged = try script.nextStatement() {
      number += 1
      let before = connection.totalChanges
      var failure: SQLiteError?
      StatementTime.give(logged.now)
      random.begin(seed: logged.seed)
      text.removeAll()
      text.append(script.script[logged.sql])
      text.append(0)
      do throws(SQLiteError) {
        if let statement = try connection.prepare(text, from: 0).statement { try statement.run() }
      } catch {
        failure = error
      }
      let changes = connection.totalChanges - before
      guard failure?.code.primary.rawValue == logged.error, changes == logged.changes else {
        throw RestoreError(
          .diverged,
          "replay transaction \(transaction.number), statement \(number): it changed \(changes) rows"
            + (failure.map { " and failed (\($0.message))" } ?? "")
            + ", but when it was logged \(logged.changes)"
            + (logged.error.map { " and failed (\(ResultCode(rawValue: $0).meaning))" } ?? "")
            + "; use .restore wal")
      }
    }
    if isMany { try connection.execute("COMMIT") }
  }
}

extension RestoreTarget {
  /// The same moment in one generation.
  fileprivate func within(_ generation: GenerationID) -> RestoreTarget {
    var target = self
    target.generation = generation
    return target
  }
}
