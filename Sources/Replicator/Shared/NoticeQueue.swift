import Synchronization

/// The kind of a sentence about a mirror.
package enum NoticeKind: Sendable {
  case news, warning
  /// The mirror has ended by itself.
  case end
}

/// Collects sentences for the user from all threads; the session prints them at the next prompt.
final class NoticeQueue: Sendable {
  private let waiting = OrderedLock<[String]>(.notices, [])
  /// Read after each line, therefore without a lock.
  private let hasNotices = Atomic(false)
  /// Gets each notice at once, instead of the queue.
  private let receiver: (@Sendable (String, NoticeKind) -> Void)?

  init(receiver: (@Sendable (String, NoticeKind) -> Void)? = nil) { self.receiver = receiver }

  var isEmpty: Bool { !hasNotices.load(ordering: .acquiring) }

  func add(_ notice: String, _ kind: NoticeKind = .warning) {
    if let receiver { return receiver(notice, kind) }
    waiting.withLock { $0.append(notice) }
    hasNotices.store(true, ordering: .releasing)
  }

  /// Returns each notice once, the oldest first.
  func take() -> [String] {
    guard hasNotices.exchange(false, ordering: .acquiringAndReleasing) else { return [] }
    return waiting.withLock { notices in
      defer { notices.removeAll() }
      return notices
    }
  }
}
