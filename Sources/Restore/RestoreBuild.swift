import Files
import ObjectStore
import ReplicaFormat

/// Builds the database of a restore in its folder.
///
/// With `verifies` it builds a second one in the other way and compares.
struct RestoreBuild {
  let plan: RestorePlan
  let replanning: Replanning
  let folder: RestoreFolder

  struct Built {
    let file: File
    /// Time of the last commit, microseconds since 1970.
    var time: Int64
    var statements: Int?
    var proof: String?
    var notices: [String] = []
  }

  private var source: ObjectSource { replanning.source }
  private var wal: WALRestore {
    WALRestore(source: source, plan: plan, replanning: replanning, spool: folder.spool)
  }
  private var sql: StatementRestore { StatementRestore(source: source, plan: plan, spool: folder.spool) }

  func run(_ kind: Restore.Source, verifies: Bool, proves: Bool) throws -> Built {
    if verifies { return try both(kind) }
    if kind == .sql, proves { return try proven() }
    return try one(kind)
  }

  private func one(_ kind: Restore.Source) throws -> Built {
    var built = Built(file: folder.database, time: plan.time)
    switch kind {
    case .wal: _ = try wal.build(in: folder.database, upTo: plan.transaction)
    case .sql:
      let start = try sql.findStart()
      let before = try wal.build(in: folder.database, upTo: start.transaction)
      let replayed = try sql.replay(start, time: before.time, in: folder.database.path)
      built.statements = replayed.statements
      built.time = replayed.time
      note(start, in: &built)
    }
    return built
  }

  /// Builds the database from statements, and compares it with the state from the log.
  private func proven() throws -> Built {
    let start = try sql.findStart()
    // Without statements to replay, everything comes from the log.
    guard start.transaction < plan.transaction else { return try one(.sql) }
    let second = try folder.second()
    do {
      _ = try wal.build(
        in: folder.database, upTo: plan.transaction, copying: (transaction: start.transaction, file: second))
    } catch let error where Self.isLoss(error) {
      // The two mirrors do not need each other.
      var built = try one(.sql)
      built.notices.append(
        "not proven by the WAL, which cannot be restored to transaction \(plan.transaction): \(error)")
      return built
    }
    let replayed = try sql.replay(start, time: plan.manifest.time, in: second.path)
    var built = Built(file: second, time: replayed.time)
    built.statements = replayed.statements
    note(start, in: &built)
    if try StatementProof.hasSamePages(folder.database, second) { return built }
    let source = source
    let difference = try DatabaseComparison.difference(
      ("the WAL's", folder.database.path), ("the statements'", second.path)
    ) { try source.checkInterrupt() }
    if let difference {
      throw try StatementProof(plan: plan, replanning: replanning, folder: folder, start: start).error(
        difference)
    }
    return built
  }

  /// Returns whether an error means that a part of the log is damaged or missing.
  private static func isLoss(_ error: any Error) -> Bool {
    switch error {
    case is FormatError: true
    case let error as RestoreError: error.code == .hole
    case let error as ObjectStoreError: error.code == .forged || error.code == .notFound
    default: false
    }
  }

  private func note(_ start: StatementRestore.Start, in built: inout Built) {
    guard let reason = start.reason else { return }
    built.notices.append("transactions up to \(start.transaction) come from the WAL: \(reason)")
  }

  private func both(_ kind: Restore.Source) throws -> Built {
    let start = try sql.findStart()
    let second = try folder.second()
    _ = try wal.build(
      in: folder.database, upTo: plan.transaction, copying: (transaction: start.transaction, file: second))
    let replayed = try sql.replay(start, time: plan.manifest.time, in: second.path)
    var built = Built(file: kind == .wal ? folder.database : second, time: plan.time)
    if kind == .sql { built.statements = replayed.statements }
    note(start, in: &built)
    let source = source
    try DatabaseComparison.quickCheck(folder.database.path) { try source.checkInterrupt() }
    let content = try DatabaseComparison.compare(
      ("the database restored from the WAL", folder.database.path),
      ("the one restored from statements", second.path)
    ) { try source.checkInterrupt() }
    let replay =
      start.transaction == plan.transaction
      ? "no statement could be replayed"
      : "\(replayed.statements) statements of transactions \(start.transaction + 1) to \(plan.transaction) replayed"
    built.proof =
      "verified transaction \(plan.transaction): WAL and statements give the same content (\(content.tables.count - 1) "
      + "tables, \(content.rowCount) rows, hash \(content.hash); \(replay)); quick_check ok"
    return built
  }
}
