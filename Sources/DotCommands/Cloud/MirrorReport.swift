import Replicator
import Shell

/// `.mirror status`: prints the status of the mirror.
struct MirrorReport {
  private let session: Session
  init(_ session: Session) { self.session = session }

  func print(_ status: MirrorStatus, json: Bool) {
    if json { printJSON(status) } else { printText(status) }
  }

  private func printText(_ status: MirrorStatus) {
    var lines: [(String, String)] = [("mirror", status.phase.rawValue)]
    if !status.url.isEmpty {
      lines += [
        ("replica", status.url), ("durability", status.durability.rawValue),
        ("generation", status.generation.map { "\($0)" } ?? "none yet"),
        ("base", status.hasBase ? "uploaded" : "not uploaded yet"),
        ("mirrored", "transaction \(status.stored)"), ("committed", "transaction \(status.captured)"),
        (
          "lag",
          "\(status.lagFrames) frames, \(status.lagBytes) bytes, \(JSONText.seconds(status.lagSeconds)) seconds"
        ), ("requests", "\(status.requests)"), ("sent", "\(status.bytesSent) bytes"),
        ("last error", status.lastError ?? "none"),
        ("encryption", status.keyID.map { "AES-256-GCM, key \($0)" } ?? "none"),
      ]
    }
    for (name, value) in lines {
      session.output.tell(String(repeating: " ", count: 12 - name.utf8.count) + name + ": " + value)
    }
  }

  private func printJSON(_ status: MirrorStatus) {
    var object = JSONText()
    object.add("state", text: status.phase.rawValue)
    object.add("replica", text: status.url.isEmpty ? nil : status.url)
    object.add("durability", text: status.durability.rawValue)
    object.add("generation", text: status.generation.map { "\($0)" })
    object.add("base", raw: status.hasBase ? "true" : "false")
    object.add("mirrored_transaction", raw: "\(status.stored)")
    object.add("committed_transaction", raw: "\(status.captured)")
    object.add("lag_frames", raw: "\(status.lagFrames)")
    object.add("lag_bytes", raw: "\(status.lagBytes)")
    object.add("lag_seconds", raw: JSONText.seconds(status.lagSeconds))
    object.add("requests", raw: "\(status.requests)")
    object.add("bytes_sent", raw: "\(status.bytesSent)")
    object.add("last_error", text: status.lastError)
    object.add("encryption_key", text: status.keyID)
    session.output.print(object.text)
  }
}

/// A JSON object, member by member (RFC 8259).
struct JSONText {
  private var members: [String] = []
  var text: String { "{" + members.joined(separator: ",") + "}" }

  mutating func add(_ name: String, raw value: String) { members.append("\"\(name)\":\(value)") }

  mutating func add(_ name: String, text value: String?) {
    add(name, raw: value.map { Self.quoted($0) } ?? "null")
  }

  static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case _ where scalar.value < 0x20:
        out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  /// Returns a number of seconds with three digits after the point.
  static func seconds(_ seconds: Double) -> String {
    let thousandths = Int((seconds * 1000).rounded())
    let rest = String(thousandths % 1000)
    return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest
  }
}
