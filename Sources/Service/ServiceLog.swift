import Bytes
import Files
import ReplicaFormat
import Synchronization

/// Prints one line for each event, with its time and level, to standard error.
///
/// May be used on any thread.
package final class ServiceLog: Sendable {
  package enum Form: String, Sendable {
    case text, json
  }

  package enum Level: String, Sendable {
    case info, warning, error
  }

  private let form: Form
  private let write: @Sendable (String) -> Void
  private let lock = Mutex(())

  package init(_ form: Form, write: @escaping @Sendable (String) -> Void) {
    self.form = form
    self.write = write
  }

  /// Prints a line; `about` is a database or folder.
  package func add(_ level: Level, _ message: String, about path: String? = nil, event: String = "service") {
    let time = ISOTime.text(Clock.wallMicroseconds)
    let line: String
    switch form {
    case .text:
      line = "\(time) \(level.rawValue): " + (path.map { "\($0): " } ?? "") + message
    case .json:
      var object = JSONText()
      object.add("time", text: time)
      object.add("level", text: level.rawValue)
      object.add("event", text: event)
      object.add("path", text: path)
      object.add("message", text: message)
      line = object.text
    }
    lock.withLock { _ in write(line.escapingControls() + "\n") }
  }
}
