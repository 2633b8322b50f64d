import Bytes
import Replicator
import ObjectStore
import ReplicaFormat

/// A mirror's state in Prometheus's text format.
///
/// Names and meanings are in `Docs/Monitoring.md`; they do not change
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
struct MetricsText {
  private static let prefix = "sqlite3_cloud_s3_"
  private static let phases: [MirrorStatus.Phase] = [
    .waiting, .starting, .running, .standby, .failed, .off,
  ]
  private static let verbs = ["put", "get", "head", "list", "delete"]

  private let database: String
  private(set) var text = ""

  init(_ status: MirrorStatus, _ account: ObservedStore.Account, database: String) {
    self.database = database
    let generation = status.generation.map { "\($0)" } ?? ""
    family("info", "gauge", "Where the database is mirrored; always 1.")
    sample(
      "info", "1",
      [("replica", status.url), ("generation", generation), ("durability", status.durability.rawValue)])
    family("phase", "gauge", "What the mirror does: 1 for its phase, 0 for the others.")
    for phase in Self.phases {
      sample("phase", phase == status.phase ? "1" : "0", [("phase", phase.rawValue)])
    }
    one(
      "generation", "gauge", "Number of the generation that is written; 0 before there is one.",
      status.generation.map { "\($0.sequence)" } ?? "0")
    one(
      "base_uploaded", "gauge", "Whether the generation has a base, without which nothing can be restored.",
      status.hasBase ? "1" : "0")
    // Before the replica was read nothing is known about it, and a missing number is better than a
    // zero.
    if status.generation != nil { addProgress(status) }
    one(
      "has_error", "gauge", "Whether the last thing the mirror tried failed.",
      status.lastError == nil ? "0" : "1")
    if let time = account.lastSuccess {
      one(
        "last_success_timestamp_seconds", "gauge", "When the store last did what it was asked.",
        JSONText.seconds(Double(time) / 1e6))
    }
    family("requests_total", "counter", "Requests made of the store.")
    for verb in Self.verbs {
      sample("requests_total", "\(account.lines[verb]?.requests ?? 0)", [("verb", verb)])
    }
    family("errors_total", "counter", "Requests that failed.")
    for verb in Self.verbs { sample("errors_total", "\(account.lines[verb]?.errors ?? 0)", [("verb", verb)]) }
    one("sent_bytes_total", "counter", "Bytes of objects given to the store.", "\(account.bytesSent)")
    one(
      "received_bytes_total", "counter", "Bytes of objects read from the store.", "\(account.bytesReceived)")
  }

  private mutating func addProgress(_ status: MirrorStatus) {
    one("committed_transaction", "gauge", "Last transaction read from the log.", "\(status.captured)")
    one("mirrored_transaction", "gauge", "Last transaction that a restore reaches.", "\(status.stored)")
    let lag = status.captured > status.stored ? status.captured - status.stored : 0
    one("lag_transactions", "gauge", "Transactions committed and not mirrored.", "\(lag)")
    one("lag_bytes", "gauge", "Bytes of log that are not mirrored.", "\(status.lagBytes)")
    one(
      "lag_seconds", "gauge", "Age of the oldest commit that is not mirrored.",
      JSONText.seconds(status.lagSeconds))
  }

  private mutating func one(_ name: String, _ kind: String, _ help: String, _ value: String) {
    family(name, kind, help)
    sample(name, value, [])
  }

  private mutating func family(_ name: String, _ kind: String, _ help: String) {
    text += "# HELP \(Self.prefix)\(name) \(help)\n# TYPE \(Self.prefix)\(name) \(kind)\n"
  }

  private mutating func sample(_ name: String, _ value: String, _ labels: [(String, String)]) {
    let all = [("database", database)] + labels
    let list = all.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
    text += "\(Self.prefix)\(name){\(list)} \(value)\n"
  }

  /// Returns a label's value, with a backslash before backslash, quote and line break.
  static func escaped(_ value: String) -> String {
    var out = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
