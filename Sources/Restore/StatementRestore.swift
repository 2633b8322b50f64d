import Files
import ReplicaCatalog
import ReplicaFormat
import SQLite

/// Restores transactions by running their logged statements, from the base or the last barrier on.
struct StatementRestore {
  let source: ObjectSource
  let plan: RestorePlan
  /// The folder in which batches are kept, so that each is fetched once.
  var spool: PrivateFolder?

  /// The transaction after which a replay begins, and the batches that it needs.
  struct Start {
    /// Everything after this transaction can be replayed.
    var transaction: UInt64
    /// The reason why this is not the base; nil if it is.
    var reason: String?
    var batches: [FetchItem] = []
    /// The last batch, which is parsed already.
    var last: (name: String, script: StatementScript)?
    var bytes: Int { batches.reduce(0) { $0 + $1.size } }
  }

  struct Outcome {
    var transaction: UInt64
    var time: Int64
    var statements = 0
  }

  /// Returns the batches with transactions after one, in order.
  func batches(after transaction: UInt64) -> [FetchItem] {
    plan.contents.longestBatches
      .filter { $0.transactions.upperBound > transaction && $0.transactions.lowerBound <= plan.transaction }
      .map { FetchItem(name: $0.key(in: plan.generation), size: plan.contents.batches[$0] ?? 0) }
  }

  /// Finds the last barrier, or the end of a gap in the statements.
  func findStart() throws -> Start {
    let base = plan.manifest.transaction
    var start = Start(transaction: plan.contents.batchesReach(backFrom: plan.transaction))
    if start.transaction > base {
      start.reason = "no statements of transaction \(start.transaction) are in the replica"
    } else {
      start.transaction = base
    }
    let fetcher = fetcher(batches(after: start.transaction))
    while let (name, whole) = try fetcher.take() {
      start.last = (name, whole)
      let script = try whole.reader()
      while let transaction = try script.nextTransaction() {
        guard transaction.number > start.transaction, transaction.number <= plan.transaction,
          let barrier = transaction.barrier
        else { continue }
        start.transaction = transaction.number
        start.reason = barrier
      }
    }
    start.batches = batches(after: start.transaction)
    return start
  }

  /// Returns a fetcher that parses batches on another thread than the replay; each takes about ten
  /// times its size in memory.
  private func fetcher(_ items: [FetchItem]) -> ObjectFetcher<StatementScript> {
    let generation = plan.generation
    return ObjectFetcher(
      source, items, spool: spool, window: 6 << 20,
      readLong: { [source] in
        try source.batch($0.name, told: $0.size).required(generation, object: $0.name)
      }
    ) { object, bytes in
      try StatementScript(bytes, object: object).required(generation, object: object)
    }
  }

  /// Replays everything after `start` on a database of exactly that state.
  func replay(_ start: Start, time: Int64, in path: String) throws -> Outcome {
    var outcome = Outcome(transaction: start.transaction, time: time)
    let replay = try StatementReplay(path, source)
    defer { replay.end() }
    var last = start.last
    if start.batches.last?.name != last?.name { last = nil }
    let fetcher = fetcher(last == nil ? start.batches : start.batches.dropLast())
    fetching: while let (name, whole) = try fetcher.take() ?? last.take() {
      let script = try whole.reader()
      while let transaction = try script.nextTransaction() {
        // Another batch may have held it as well.
        guard transaction.number > outcome.transaction else { continue }
        guard transaction.number <= plan.transaction else { break fetching }
        guard transaction.number == outcome.transaction + 1 else {
          throw FormatError(name, "transaction \(outcome.transaction + 1) is missing")
        }
        try replay.run(transaction, of: script)
        outcome.transaction = transaction.number
        outcome.time = transaction.time
        outcome.statements += transaction.statementCount
      }
    }
    guard outcome.transaction == plan.transaction else {
      throw RestoreError(
        .hole, "restore transaction \(plan.transaction): the statements end with \(outcome.transaction)")
    }
    replay.end()
    // The database is in WAL mode again, and closing copies everything into the one file. Virtual
    // tables may keep the replaying connection from doing so.
    let closing = try Connection(path, .readWrite)
    try closing.distrustDatabase()
    try closing.execute("PRAGMA journal_mode=WAL")
    closing.close()
    for suffix in ["-wal", "-shm", "-journal"] { try Folder.remove(path + suffix) }
    return outcome
  }
}

extension StatementScript {
  /// Reads the batch; throws if it is not the one with this name.
  func required(_ generation: GenerationID, object: String) throws(FormatError) -> StatementScript {
    guard self.generation == generation, BatchName(key: object)?.transactions == transactions else {
      throw FormatError(object, "its header does not fit its name")
    }
    return self
  }
}
