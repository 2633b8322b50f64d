import Synchronization

/// What is to be told at the next prompt, from any thread.
final class Notices: Sendable {
  private let waiting = Mutex<[String]>([])

  func add(_ notice: String) { waiting.withLock { $0.append(notice) } }

  /// All of them, once.
  func take() -> [String] {
    waiting.withLock { notices in
      defer { notices.removeAll() }
      return notices
    }
  }
}
