import Files
import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat
import SQLite

/// Restores a database from a replica, into a new file that replaces the old one after its checks.
///
/// This target reads replicas. `Planner` finds the objects, `ObjectSource` and `ObjectFetcher`
/// fetch them, `BaseWriter`, `SliceApplier` and `StatementReplay` build the database in a
/// `RestoreFolder`, and `OutputLock` guards the file that is replaced. `Verification` checks a
/// replica with the same parts; `Follower` keeps a copy current. It never touches an open database
/// and never prints.
///
///     var restore = Restore(ReplicaCatalog(store))
///     restore.target.transaction = 17
///     let report = try restore.run(.wal, to: "shop.db")
package struct Restore {
  package enum Source: String, Sendable {
    /// From base and frames of the log.
    case wal
    /// From base and statements.
    case sql
  }

  package let catalog: ReplicaCatalog
  package var target = RestoreTarget()
  /// Whether to replace an existing database.
  package var force = false
  /// Whether to restore in both ways and compare the contents.
  package var verifies = false
  /// Whether a restore from statements is compared with the state from the log.
  package var proves = false
  /// Whether to accept a chain that ends before what witnesses prove.
  package var allowsShorter = false
  /// Seconds without any bytes from the store before it gives up.
  package var patience = 60.0
  package var isInterrupted: (@Sendable () -> Bool)?
  /// Gets a function that returns, on any thread, how many bytes of how many have arrived.
  package var watch: ((_ measure: @escaping @Sendable () -> (done: Int, total: Int?)) -> Void)?
  /// Bytes free in a folder.
  package var freeBytes: @Sendable (_ folder: String) throws -> Int = { try FreeSpace.bytes(in: $0) }

  package init(_ catalog: ReplicaCatalog) { self.catalog = catalog }

  /// The result of a restore, or the plan of a dry run.
  package struct Report: Sendable {
    package let generation: GenerationID
    package let transaction: UInt64
    /// Time of the last commit, microseconds since 1970.
    package internal(set) var time: Int64
    package let baseTransaction: UInt64
    /// Objects and bytes of the base, of the slices and of the batches.
    package let parts: Int
    package let baseBytes: Int
    package let slices: Int
    package let sliceBytes: Int
    package let batches: Int
    package let batchBytes: Int
    /// Size of the database in bytes.
    package internal(set) var size: Int
    /// Bytes that the restore needs in the output's folder, and free bytes there.
    package let needed: Int
    package let free: Int
    package internal(set) var statements: Int?
    /// A sentence about the comparison; nil if there was none.
    package internal(set) var proof: String?
    package internal(set) var notices: [String]

    /// Everything that is fetched.
    var bytes: Int { baseBytes + sliceBytes + batchBytes }
  }

  /// Plans a restore; reads listings, manifests and the slice that holds the end.
  package func plan(_ source: Source, to output: String) throws -> Report {
    let output = try Folder.followingLinks(output)
    return try report(planning(for: source, to: output).plan, source, to: output)
  }

  /// Returns the place that was stored in this replica by the record beside a database; nil if
  /// there is none.
  private func recordedPlace(beside output: String) -> Place? {
    let path = output + "-s3pos"
    guard let bytes = try? File(path, .read).readAll(),
      let record = try? PositionRecord(bytes, object: path), record.url == catalog.store.url
    else { return nil }
    return record.place
  }

  private func planning(for source: Source, to output: String) throws -> Replanning {
    let objects = ObjectSource(catalog, patience: patience, isInterrupted: isInterrupted)
    var options = Planner.Options()
    options.needsBatches = source == .sql || verifies
    options.toleratesLostEnd = source == .sql && !verifies
    options.allowsShorter = allowsShorter
    options.witness = recordedPlace(beside: output)
    return try Replanning(source: objects, target: target, options: options)
  }

  /// Restores into `output`, which must be absent, empty or without tables unless `force` is set.
  ///
  /// A link is followed, and stays. Throws `.busy` if another process uses the database.
  package func run(_ source: Source, to output: String) throws -> Report {
    let output = try Folder.followingLinks(output)
    try check(output)
    try checkUnused(output)
    let planning = try planning(for: source, to: output)
    let objects = planning.source
    defer { objects.stop() }
    var report = try report(planning.plan, source, to: output)
    try requireRoom(report, output)
    objects.expectAnew(report.bytes)
    watch? { objects.progress }
    let folder = try RestoreFolder(for: output, of: planning.plan, from: catalog.store.url)
    do {
      try folder.adoptOwner()
      let built = try planning.building(in: folder) { plan in
        try RestoreBuild(plan: plan, replanning: planning, folder: folder).run(
          source, verifies: verifies, proves: proves)
      } again: { plan in
        let again = try self.report(plan, source, to: output)
        try requireRoom(again, output)
        objects.expectAnew(again.bytes)
      }
      if planning.hasChanged { report = try self.report(planning.plan, source, to: output) }
      report.statements = built.statements
      report.proof = built.proof
      report.time = built.time
      report.size = try built.file.size()
      report.notices += built.notices
      try replace(output, with: built.file, from: folder)
    } catch {
      objects.stop()
      throw keepingWork(of: folder, after: error, output)
    }
    return report
  }

  private func requireRoom(_ report: Report, _ output: String) throws {
    guard report.free >= report.needed else {
      throw RestoreError(
        .space,
        "restore \(output): \(report.needed) bytes are needed in \(Folder.parent(of: output)), \(report.free) are free: "
          + "make room, or use --output on another disk"
      )
    }
  }

  /// Keeps the work after failures that may pass; removes it after all others.
  private func keepingWork(of folder: RestoreFolder, after error: any Error, _ output: String) -> any Error {
    let advice = "; \(folder.path) keeps what was fetched: the same command continues from there"
    if let error = error as? RestoreError, error.code == .interrupted {
      return RestoreError(.interrupted, "restore \(output): interrupted\(advice)")
    }
    if let error = error as? ObjectStoreError, error.isTransient {
      return ObjectStoreError(error.code, verb: error.verb, object: error.object, cause: error.cause + advice)
    }
    folder.discard()
    return error
  }

  private func report(_ plan: RestorePlan, _ source: Source, to output: String) throws -> Report {
    let statements = StatementRestore(source: ObjectSource(catalog, patience: 0), plan: plan)
    let needsBatches = source == .sql || verifies
    let batches = needsBatches ? statements.batches(after: plan.manifest.transaction) : []
    let size = Int(plan.state.pages) * plan.state.pageSize
    let database = max(size, Int(plan.manifest.state.pages) * plan.state.pageSize)
    let needed =
      database * (verifies || proves && source == .sql ? 2 : 1) + plan.sliceBytes
      + batches.reduce(0) { $0 + $1.size } + (1 << 20)
    return Report(
      generation: plan.generation, transaction: plan.transaction, time: plan.time,
      baseTransaction: plan.manifest.transaction, parts: plan.partCount, baseBytes: plan.baseBytes,
      slices: plan.slices.count, sliceBytes: plan.sliceBytes, batches: batches.count,
      batchBytes: batches.reduce(0) { $0 + $1.size }, size: size,
      needed: max(needed - RestoreFolder.size(for: output), 1 << 20),
      free: try freeBytes(Folder.parent(of: output)), notices: plan.notices)
  }
}
