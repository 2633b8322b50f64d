import ObjectStore
import Render
import SQLite
package import Shell

/// `.mirror check`: checks a mirror's settings and its store, without a mirror.
package struct MirrorCheck {
  private let session: Session
  private let observer: MirrorSession

  package init(session: Session, observer: MirrorSession) {
    self.session = session
    self.observer = observer
  }

  /// Checks the store of a URL, or the configured one; throws if a mirror would not work.
  package func run(_ url: String? = nil, json: Bool) throws {
    let path = session.database.openConnection?.fileName() ?? session.database.name
    let name = path.flatMap { $0.isEmpty || $0 == ":memory:" ? nil : $0 }
    try StoreCheckReport(session, json: json).run { try observer.newStore(url, for: name) }
  }

  /// Runs instead of a session, for `-check`; returns the exit code.
  package func runAlone() -> Int32 {
    do {
      try run(json: session.output.options.mode == .json)
      return 0
    } catch CommandError.message(let text) {
      session.errors.tell(text)
    } catch {
      session.errors.tell("Error: \(error)")
    }
    return 1
  }
}
