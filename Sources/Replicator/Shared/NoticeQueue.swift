import Synchronization

/// Sentences for the user, added by any thread and printed at the next prompt.
final class NoticeQueue: Sendable {
  private let waiting = OrderedLock<[String]>(.notices, [])
  /// Asked after each line, so without a lock.
  private let hasNotices = Atomic(false)

  var isEmpty: Bool { !hasNotices.load(ordering: .acquiring) }

  func add(_ notice: String) {
    waiting.withLock { $0.append(notice) }
    hasNotices.store(true, ordering: .releasing)
  }

  /// Returns each notice once, oldest first.
  func take() -> [String] {
    guard hasNotices.exchange(false, ordering: .acquiringAndReleasing) else { return [] }
    return waiting.withLock { notices in
      defer { notices.removeAll() }
      return notices
    }
  }
}
