import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import Shell

/// Prints the result of a restore or the plan of a dry run.
struct RestoreReport {
  private let session: Session
  init(_ session: Session) { self.session = session }

  func print(_ report: Restore.Report, _ output: String) {
    notices(report)
    var line = "restored \(output) to \(moment(report)): base \(report.baseTransaction)"
    line += " (\(report.parts) parts, \(report.baseBytes) bytes)"
    line += report.statements.map { ", \($0) statements" } ?? ", \(report.slices) slices"
    session.output.tell(line + ", \(report.size) bytes")
    if let proof = report.proof { session.output.tell(proof) }
  }

  func print(plan report: Restore.Report, _ output: String) {
    notices(report)
    let objects = report.parts + report.slices + report.batches
    let bytes = report.baseBytes + report.sliceBytes + report.batchBytes
    session.output.tell("would restore \(output) to \(moment(report))")
    for (name, value) in [
      ("base", "transaction \(report.baseTransaction), \(report.parts) objects, \(report.baseBytes) bytes"),
      (
        "after it",
        "\(report.transaction - report.baseTransaction) transactions, \(report.slices) slices, "
          + "\(report.sliceBytes) bytes"
          + (report.batches > 0 ? ", \(report.batches) statement batches, \(report.batchBytes) bytes" : "")
      ), ("fetched", "\(objects) objects, \(bytes) bytes"), ("database", "\(report.size) bytes"),
      (
        "disk space",
        "\(report.needed) bytes needed, \(report.free) free"
          + (report.free < report.needed ? ": too little" : "")
      ),
    ] {
      session.output.tell(String(repeating: " ", count: 12 - name.utf8.count) + name + ": " + value)
    }
  }

  /// Follows a replica, and reports until it is interrupted.
  func print(following follower: Follower) throws {
    var follower = follower
    let (session, output) = (session, follower.output)
    follower.tell = { event in
      switch event {
      case .built(let point):
        session.output.tell("following \(follower.catalog.store.url): \(output) holds \(Self.text(point))")
        session.output.flush()
      case .advanced: break
      case .notice(let text): session.errors.tell("-- \(text)")
      }
    }
    let last = try follower.run()
    // Ctrl-C has done its work.
    session.input.forgetInterrupt()
    guard let last else { throw CommandError.message("Error: follow \(output): interrupted") }
    session.output.tell("\(output) holds \(Self.text(last))")
  }

  private static func text(_ point: ChainPoint) -> String {
    "transaction \(point.transaction) (\(ISOTime.text(point.time))) of generation \(point.generation)"
  }

  private func notices(_ report: Restore.Report) {
    for notice in report.notices { session.errors.tell("-- \(notice)") }
  }

  private func moment(_ report: Restore.Report) -> String {
    "transaction \(report.transaction) (\(ISOTime.text(report.time))) of generation \(report.generation)"
  }
}
