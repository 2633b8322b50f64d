import Files
import Replicator
import Synchronization

/// Collects events of all threads for the service's thread.
final class EventQueue: Sendable {
  enum Event: Sendable {
    /// A name in a folder appeared or disappeared.
    case name(String, folder: String)
    /// A folder is gone, or events about it were lost.
    case folder(String)
    /// A database that is not mirrored was written.
    case changed(String)
    case started(String, Result<DatabaseMirror.Start, any Error>)
    case ready(String)
    case ended(String)
    case notice(String, NoticeKind, database: String)
  }

  /// Signalled for each event, and by signals of the system.
  let arrivals = Semaphore()
  private let events = Mutex<[Event]>([])

  func post(_ event: Event) {
    events.withLock { $0.append(event) }
    arrivals.signal()
  }

  /// Waits for an event or a signal, at most `seconds`; without a limit if nil.
  func wait(seconds: Double?) {
    if let seconds { _ = arrivals.wait(seconds: seconds) } else { arrivals.wait() }
  }

  /// Returns the events that wait, the oldest first.
  func take() -> [Event] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}
