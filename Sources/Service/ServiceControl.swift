import Bytes
import Files
import Replicator
import Synchronization

/// Answers what other processes ask a service, on threads of its own.
///
/// A request is a line of words that are separated by tabs: `status`, `status PATH`,
/// `snapshot PATH`, `prune PATH SECONDS delete|plan`. An answer to an order begins with `ok ` or
/// `error `.
final class ServiceControl: Sendable {
  /// A served database, as the service's thread last saw it.
  struct Entry: Sendable {
    let mirror: DatabaseMirror?
    /// The state, if the mirror does not run.
    let state: String?
    let message: String?
  }

  private let entries = Mutex<[String: Entry]>([:])

  /// Replaces what is known about all databases.
  func publish(_ databases: [String: ServedDatabase]) {
    let fresh = databases.mapValues { database in
      Entry(
        mirror: database.mirror, state: database.isRunning ? nil : database.phase.rawValue,
        message: database.said)
    }
    entries.withLock { $0 = fresh }
  }

  /// Begins to take requests; false if another process has taken the name.
  func start() -> Bool { ControlSocket.serve { self.answer($0) } }

  func answer(_ request: String) -> String {
    let words = request.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    let known = entries.withLock { $0 }
    guard words.count > 1 else {
      return known.sorted { $0.key < $1.key }.map { Self.line($0.key, $0.value) + "\n" }.joined()
    }
    guard let entry = known[words[1]] else { return "error the service does not serve \(words[1])" }
    guard words[0] != "status" else { return Self.line(words[1], entry) + "\n" }
    guard let mirror = entry.mirror else { return "error \(words[1]) is not mirrored at the moment" }
    do {
      return "ok " + (try Self.order(words, mirror))
    } catch {
      return "error \(error)"
    }
  }

  /// The seconds of an order, if they are a number that clocks can be compared with.
  static func age(_ word: String) -> Double? {
    Double(word).flatMap { (0...1e10).contains($0) ? $0 : nil }
  }

  private static func order(_ words: [String], _ mirror: DatabaseMirror) throws -> String {
    switch words[0] {
    case "snapshot":
      try mirror.snapshot()
      return ""
    case "prune":
      guard words.count == 4, let seconds = age(words[2]) else { break }
      let plan = try mirror.prune(keeping: seconds, dryRun: words[3] != "delete")
      let numbers = [plan.objects.count, plan.byteCount, plan.generations.count, plan.bases]
      return (numbers.map { "\($0)" } + plan.notices).joined(separator: "\t")
    default: break
    }
    throw MirrorError(.unsuitable, "not an order: \(words[0])")
  }

  /// Returns a JSON object about a database.
  private static func line(_ path: String, _ entry: Entry) -> String {
    var status = entry.mirror?.status ?? MirrorStatus()
    if entry.state != nil { status.lastError = entry.message ?? status.lastError }
    var object = JSONText()
    object.add("database", text: path)
    object.add("process", raw: "\(ProcessIdentity.current)")
    status.add(to: &object, state: entry.state)
    return object.text
  }
}
