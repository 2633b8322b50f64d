package import SQLite

/// Is told what happens in a session, on its thread.
///
/// Calls must return quickly; what goes wrong is kept for `sessionWillEnd` or shown by the observer's command.
package protocol SessionObserver: AnyObject {
  /// A database was opened and set up.
  func connectionDidOpen(_ connection: Connection, in session: Session)
  /// A database is about to be closed.
  func connectionWillClose(_ connection: Connection, in session: Session)
  /// An input group or dot-command was carried out, and the next prompt has not been shown.
  ///
  /// Returns how many errors it reported; they count as the group's.
  func inputDidComplete(in session: Session) -> Int
  /// A line to show below the banner of an interactive start; nil for none.
  func greeting(in session: Session) -> String?
  /// What stands for `{mirror}` in a prompt.
  func promptField(in session: Session) -> String
  /// The session ends; returns an error to report, which makes a batch session exit with 1.
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
