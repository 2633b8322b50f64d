package import SQLite

/// Learns what happens in a session, on its thread.
///
/// Calls must return quickly. Errors are kept for `sessionWillEnd`, or shown by the observer's
/// command.
package protocol SessionObserver: AnyObject {
  /// Called after a database was opened and set up.
  func connectionDidOpen(_ connection: Connection, in session: Session)
  /// Called before a database is closed.
  func connectionWillClose(_ connection: Connection, in session: Session)
  /// Called after an input group or dot-command, before the next prompt.
  ///
  /// Returns how many errors it reported; they count as the group's.
  func inputDidComplete(in session: Session) -> Int
  /// Returns the line below the banner of an interactive start; nil for none.
  func greeting(in session: Session) -> String?
  /// Returns the text for `{mirror}` in a prompt.
  func promptField(in session: Session) -> String
  /// Called at the end of the session.
  ///
  /// Returns an error to report, with which a batch session exits with 1.
  func sessionWillEnd(_ session: Session) -> String?
}

extension SessionObserver {
  package func connectionDidOpen(_ connection: Connection, in session: Session) {}
  package func connectionWillClose(_ connection: Connection, in session: Session) {}
  package func inputDidComplete(in session: Session) -> Int { 0 }
  package func greeting(in session: Session) -> String? { nil }
  package func promptField(in session: Session) -> String { "" }
  package func sessionWillEnd(_ session: Session) -> String? { nil }
}
