import Files
import ReplicaFormat
import SQLite

/// Applies the slices of a verification, and compares the database at chosen transactions.
final class ChainRun {
  private let plan: RestorePlan
  private let file: File
  private let batches: BatchScan
  private let manifests: [BaseName: BaseManifest]
  private let applier: SliceApplier
  private var cursor: BatchCursor
  private let check: GenerationCheck
  /// Whether everything so far could be applied.
  var isIntact = true
  /// The seal after the end; nil if the generation has none.
  var seal: TurnRecord?
  /// The transaction at which the live database was read; nil if it is not compared.
  var liveTransaction: UInt64?
  /// The transactions at which replays of statements begin: the earliest possible one, and the base
  /// that `.restore sql` uses.
  var replayTransactions: [UInt64] = []
  private var liveContent: DatabaseContent?
  /// The database at those moments.
  private var copies: [UInt64: File] = [:]
  private var compared = 0

  init(
    plan: RestorePlan, file: File, batches: BatchScan, manifests: [BaseName: BaseManifest],
    check: GenerationCheck
  ) {
    self.plan = plan
    self.file = file
    self.batches = batches
    self.manifests = manifests
    self.check = check
    applier = SliceApplier(base: plan.manifest, file: file)
    cursor = BatchCursor(check.source, batches, spool: check.objects)
  }

  /// Takes the next slice.
  ///
  /// If the chain is broken already, the slice is only checked by itself.
  func take(_ bytes: [UInt8], _ name: String) throws {
    guard isIntact else { return }
    let slice = try SliceReader(bytes, object: name)
    try applier.begin(slice, object: name)
    applier.commitDidApply = { [weak self] transaction, commit, end in
      try self?.compare(transaction, commit, end: "\(end.salt):\(end.frame)")
    }
    while true {
      let next = (replayTransactions + [liveTransaction].compactMap { $0 }).filter {
        $0 > applier.transaction
      }
      .min()
      let isDone = try applier.advance(slice, object: name, upTo: next ?? .max)
      try reach(applier.transaction)
      if isDone { return }
    }
  }

  /// Returns the name of the file for one of the copies.
  static func copyName(_ number: Int) -> String { "sql\(number)" }

  /// Keeps a copy of the database after a transaction, if it is needed.
  func reach(_ transaction: UInt64) throws {
    guard transaction == applier.transaction else { return }
    if replayTransactions.contains(transaction), copies[transaction] == nil {
      let second = try check.work.file(Self.copyName(copies.count), .create)
      try applier.copy(to: second)
      copies[transaction] = second
    }
    if transaction == liveTransaction, liveContent == nil {
      try applier.settle()
      liveContent = try content(file)
    }
  }

  private func content(_ file: File) throws -> DatabaseContent {
    let connection = try DatabaseComparison.open(file.path)
    defer { connection.close() }
    let source = check.source
    return try DatabaseContent(of: connection) { try source.checkInterrupt() }
  }

  /// Compares a commit with its batch and with a base.
  private func compare(_ transaction: UInt64, _ commit: SliceCommit, end: String) throws {
    if let base = manifests.values.first(where: { $0.transaction == transaction }), base.state != commit.state
    {
      check.note(
        base.key,
        "it is not the database that the slices lead to")
    }
    guard let (name, logged) = try cursor.transaction(transaction) else { return }
    compared += 1
    if logged.time != commit.time || logged.end.map({ $0 != end }) ?? false {
      check.note(name, "transaction \(transaction) is another than that of the log")
    }
  }

  /// Checks the end, and compares it with the replayed statements and the live database.
  func finish(_ live: Verification.Live?) throws {
    guard isIntact else { return }
    let outcome = try check.noting(ReplicaLayout.slots(plan.generation)) { try applier.finish() }
    guard let outcome else { return }
    let count = outcome.transaction - plan.manifest.transaction
    check.findings.proven.append(
      "base \(plan.manifest.transaction) and \(plan.slices.count) slices lead to transaction \(outcome.transaction) "
        + "(\(count) transactions, \(outcome.frames) frames): frame checksums and database checksum match")
    if compared > 0 {
      check.findings.proven.append(
        "\(compared) transactions stand in log and statements with the same time and place")
    }
    if let seal = seal?.successor, seal.transaction == outcome.transaction,
      seal.checksum != outcome.state.checksum
    {
      check.note(
        "transaction \(outcome.transaction)", "its database has another checksum than the seal after it says")
    }
    for first in replayTransactions { try replay(outcome, after: first) }
    if replayTransactions.isEmpty {
      check.findings.notices.append("statements were not replayed: some are missing or damaged")
    }
    guard let live, liveTransaction != nil, let restored = liveContent else { return }
    if let difference = DatabaseComparison.difference(
      ("the replica", restored), ("the live database", live.content))
    {
      check.note("transaction \(live.transaction)", "the replica is not the live database: \(difference)")
    } else {
      check.findings.proven.append(
        "the replica at transaction \(live.transaction) equals the live database (\(restored.tables.count - 1) tables, "
          + "\(restored.rowCount) rows, hash \(restored.hash))")
    }
  }

  private func replay(_ outcome: SliceApplier.Outcome, after first: UInt64) throws {
    guard let copy = copies[first] else { return }
    guard first < outcome.transaction else {
      if let barrier = batches.lastBarrier {
        check.findings.notices.append(
          "no statements were replayed: transaction \(barrier.transaction) is a barrier (\(barrier.reason))")
      }
      return
    }
    let ended = RestorePlan(
      contents: plan.contents, manifest: plan.manifest, slices: plan.slices, transaction: outcome.transaction,
      time: outcome.time, state: outcome.state, notices: [])
    let replay = StatementRestore(source: check.source, plan: ended, spool: check.objects)
    var start = StatementRestore.Start(transaction: first)
    start.batches = batches.items.filter { item in
      (BatchName(key: item.name)?.transactions.upperBound ?? 0) > first
    }
    let source = check.source
    let result = try check.noting(ReplicaLayout.statements(plan.generation)) {
      let replayed = try replay.replay(start, time: outcome.time, in: copy.path)
      let content = try DatabaseComparison.compare(
        ("the database restored from the WAL", file.path), ("the one restored from statements", copy.path)
      ) { try source.checkInterrupt() }
      return (replayed, content)
    }
    guard let (replayed, content) = result else { return }
    let from =
      batches.lastBarrier.flatMap {
        $0.transaction == first ? " after the barrier at \($0.transaction) (\($0.reason))" : nil
      }
      ?? (manifests.keys.contains { $0.transaction == first } && first != plan.manifest.transaction
        ? " after the base at \(first)" : "")
    check.findings.proven.append(
      "\(replayed.statements) statements of transactions \(first + 1) to \(outcome.transaction)\(from) give the same "
        + "content as the log (\(content.tables.count - 1) tables, \(content.rowCount) rows)")
  }
}
