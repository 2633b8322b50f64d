import Bytes
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
    status.add(to: &object)
    session.output.print(object.text)
  }
}
