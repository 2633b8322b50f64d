import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import Restore
import SQLite
import Shell

/// `.mirror verify`: verifies a replica, and compares it with the open database.
struct MirrorVerification {
  let session: Session
  let observer: MirrorSession
  /// Another replica than the session's; it is verified without a database.
  let from: String?
  let isForAll: Bool

  func run() throws {
    let path = session.database.openConnection?.fileName() ?? session.database.name
    let live = try from == nil ? readLive(path) : nil
    let store = try observer.store(from, for: path)
    var verification = Verification(ReplicaCatalog(store))
    verification.isForAll = isForAll
    if let path, !path.isEmpty, path != ":memory:", from == nil { verification.folder = path }
    verification.patience = observer.patience
    verification.isInterrupted = observer.isInterrupted
    var faults = 0
    try session.progress.during("verify", when: session.isInteractive) { watch in
      verification.watch = watch
      try verification.run(comparing: live) { findings in
        print(findings)
        faults += findings.faults.count
      }
    }
    guard faults == 0 else {
      throw CommandError.message("Error: \(store.url): \(faults) \(faults == 1 ? "fault" : "faults") found")
    }
    session.output.tell("\(store.url): no fault found")
  }

  private func print(_ findings: Verification.Findings) {
    func line(_ text: String) { session.output.tell("\(findings.generation)  \(text)") }
    line("read: \(findings.objects) objects, \(findings.bytes) bytes")
    for sentence in findings.proven { line("proven: \(sentence)") }
    for notice in findings.notices { line("note: \(notice)") }
    for fault in findings.faults { line("fault: \(fault.object): \(fault.cause)") }
  }

  /// Returns the content of the open database, with the number of its last transaction; nil if
  /// there is no database.
  private func readLive(_ path: String?) throws -> Verification.Live? {
    if observer.isWaiting(for: session) {
      // A lost database must not be created again for the comparison.
      guard let path, FileInfo.exists(path) else { return nil }
      _ = try session.connection
    }
    guard let mirror = observer.mirror, mirror.isOn else {
      guard let reason = observer.mirror?.status().lastError else { return nil }
      throw CommandError.message("Error: the mirror is off: \(reason); use .mirror verify --from URL")
    }
    guard let file = observer.mirroredPath ?? path else { return nil }
    // Other processes may commit meanwhile: the number of the state that is read must be known.
    for _ in 0..<10 {
      try mirror.flush(seconds: observer.settings.flushTimeout)
      guard let before = mirror.lastTransaction() else { continue }
      let reader = try Connection(file, .readOnly)
      defer { reader.close() }
      try reader.execute("BEGIN")
      _ = try reader.value("SELECT count(*) FROM sqlite_schema")
      try mirror.flush(seconds: observer.settings.flushTimeout)
      guard mirror.lastTransaction() == before else { continue }
      let isInterrupted = observer.isInterrupted
      let content = try DatabaseContent(of: reader) {
        if isInterrupted?() == true { throw CommandError.message("Error: interrupted") }
      }
      // Another process that mirrors uploads statements later.
      return Verification.Live(
        transaction: before, content: content, hasStatements: mirror.status().phase != .standby)
    }
    throw CommandError.message(
      "Error: \(file) is written to without pause: it cannot be compared; use .mirror verify --from URL")
  }
}
