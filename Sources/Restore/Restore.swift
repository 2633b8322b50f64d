import Files
package import ReplicaCatalog
package import ReplicaFormat
import SQLite

/// Brings a database back from a replica, into a new file that takes its place only when it is proven.
package struct Restore: Sendable {
  package enum Source: String, Sendable {
    /// Base and frames of the log.
    case wal
    /// Base and statements.
    case sql
  }

  package let catalog: ReplicaCatalog
  package var target = RestoreTarget()
  /// Replace a database that is there.
  package var force = false
  package var progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?

  package init(_ catalog: ReplicaCatalog) { self.catalog = catalog }

  /// What a restore did, or in a dry run would do.
  package struct Report: Sendable {
    package let generation: GenerationID
    package let transaction: UInt64
    /// Time of the last commit, microseconds since 1970; nil in a dry run.
    package let time: Int64?
    package let baseTransaction: UInt64
    package let slices: Int
    /// Objects and bytes to fetch for the base.
    package let parts: Int
    package let baseBytes: Int
    /// Size of the database in bytes; nil in a dry run.
    package let size: Int?
    package let statements: Int?
    package let notices: [String]
  }

  /// What would be fetched; reads listings and a manifest only.
  package func plan() throws -> Report {
    let plan = try RestorePlan.make(catalog, target)
    return report(
      plan, transaction: plan.transaction, time: nil, size: nil, statements: nil, notices: plan.notices)
  }

  /// Restores into `output`, which must be absent, empty or without tables unless `force`.
  package func run(_ source: Source, to output: String) throws -> Report {
    try check(output)
    let plan = try RestorePlan.make(catalog, target)
    // Restored databases are private until their owner says otherwise, unless one is replaced.
    let built = try AtomicFile(for: output)
    let report: Report
    switch source {
    case .wal:
      let outcome = try WALRestore(catalog: catalog, plan: plan, target: target, progress: progress)
        .build(in: built.file)
      report = self.report(
        plan, transaction: outcome.transaction, time: outcome.time,
        size: Int(outcome.state.pages) * outcome.state.pageSize, statements: nil, notices: plan.notices)
    case .sql:
      let outcome = try StatementRestore(catalog: catalog, plan: plan, target: target, progress: progress)
        .build(in: built.file)
      report = self.report(
        plan, transaction: outcome.transaction, time: outcome.time, size: try built.file.size(),
        statements: outcome.statements, notices: plan.notices + outcome.notices)
    }
    settle(output)
    // A log left behind by the database that was lost would be played into the new one.
    for suffix in ["-wal", "-shm", "-journal", "-s3pos"] { try Folder.remove(output + suffix) }
    try built.commit()
    return report
  }

  private func report(
    _ plan: RestorePlan, transaction: UInt64, time: Int64?, size: Int?, statements: Int?, notices: [String]
  ) -> Report {
    Report(
      generation: plan.generation, transaction: transaction, time: time,
      baseTransaction: plan.manifest.transaction, slices: plan.slices.count, parts: plan.manifest.parts.count,
      baseBytes: plan.manifest.parts.reduce(0) { $0 + $1.compressedSize }, size: size, statements: statements,
      notices: notices)
  }

  /// Copies the log of a database that is about to be replaced into its file.
  ///
  /// So that the old database is whole should the program end between here and the renaming.
  private func settle(_ output: String) {
    guard FileInfo.exists(output), FileInfo.exists(output + "-wal") else { return }
    guard let connection = try? Connection(output, .readWrite) else { return }
    _ = try? connection.checkpoint(.truncate)
    connection.close()
  }

  /// Throws `.exists` where `output` holds a database that must not be replaced.
  package func check(_ output: String) throws {
    guard !force, let info = try FileInfo.of(output), info.size > 0 else { return }
    let tables = try? Connection(output, .readOnly).value("SELECT count(*) FROM sqlite_schema")
    guard tables == .integer(0) else {
      throw RestoreError(
        .exists, "\(output) is there and not empty: use --force to replace it, or --output for another file")
    }
  }
}
