import ReplicaFormat
import Restore
import Shell

/// `.restore wal --from litestream:URL`: restores the database from a replica of Litestream.
struct RestoreFromLitestream {
  let session: Session
  let observer: MirrorSession
  /// The URL of the replica, without `litestream:`.
  let place: String
  let options: RestoreFromReplicaCommand.Options

  /// Throws for options that such a replica does not support.
  func check() throws(CommandError) {
    if options.source == .sql {
      throw .message("Error: a replica of Litestream has no statements: use .restore wal")
    }
    if options.follow || options.allowsShorter || options.target.generation != nil {
      throw .message(
        "Error: --follow, --generation and --allow-shorter do not work with Litestream's replicas")
    }
  }

  func restore() throws -> LitestreamRestore {
    var restore = LitestreamRestore(try observer.plainStore(place))
    restore.force = options.force
    restore.verifies = options.verify
    restore.target = options.target
    restore.patience = observer.patience
    restore.isInterrupted = observer.isInterrupted
    return restore
  }

  func print(_ report: LitestreamRestore.Report, _ output: String) {
    session.output.tell(
      "restored \(output) to \(moment(report)): \(count(report)), \(report.fileBytes) bytes, \(report.size) bytes"
    )
    if let proof = report.proof { session.output.tell(proof) }
  }

  func print(plan report: LitestreamRestore.Report, _ output: String) {
    session.output.tell("would restore \(output) to \(moment(report))")
    for file in report.files { session.output.tell("        file: \(file)") }
    session.output.tell("     fetched: \(count(report)), \(report.fileBytes) bytes")
    session.output.tell("    database: \(report.size) bytes")
    session.output.tell(
      "  disk space: \(report.needed) bytes needed, \(report.free) free"
        + (report.free < report.needed ? ": too little" : ""))
  }

  private func count(_ report: LitestreamRestore.Report) -> String {
    "\(report.files.count) \(report.files.count == 1 ? "file" : "files")"
  }

  private func moment(_ report: LitestreamRestore.Report) -> String {
    "transaction \(report.transaction) (\(ISOTime.text(report.time))) of Litestream's"
  }
}
