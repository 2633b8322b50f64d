import Replicator
package import Shell

/// Shows the state of the mirror at the start of a session and in prompts.
extension MirrorSession {
  package func greeting(in session: Session) -> String? {
    if let line = past.greeting(session.database.openConnection) { return line }
    guard let path = pathToShow(session) else { return nil }
    if mirror == nil {
      do {
        _ = try store(nil, for: path)
      } catch {
        return "Not mirrored: \(configurationError ?? "\(error)")"
      }
    }
    let line = MirrorGreeting.line(
      MirrorGreeting.settled { self.status(of: path, isOpen: session.database.openConnection != nil) })
    return once.text(of: line, because: failure)
  }

  package func promptField(in session: Session) -> String {
    guard let path = pathToShow(session) else { return "" }
    let status = status(of: path, isOpen: session.database.openConnection != nil)
    return status.url.isEmpty ? "!" : MirrorGreeting.field(status)
  }

  /// Returns the database whose mirror is shown; nil if there is nothing to show, or the reason was
  /// printed.
  private func pathToShow(_ session: Session) -> String? {
    if case .off = configuration, mirror == nil { return nil }
    let open = session.database.openConnection
    guard mirror != nil || open == nil else { return nil }
    let path = mirroredPath ?? session.database.name
    return path == ":memory:" || path == "" ? nil : path
  }
}
