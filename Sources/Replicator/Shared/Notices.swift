import Synchronization

/// What is to be told at the next prompt, from any thread.
final class Notices: Sendable {
  private let waiting = Mutex<[String]>([])
  private let news: News

  init(_ news: News) { self.news = news }

  func add(_ notice: String) {
    waiting.withLock { $0.append(notice) }
    news.raise()
  }

  /// All of them, once.
  func take() -> [String] {
    waiting.withLock { notices in
      defer { notices.removeAll() }
      return notices
    }
  }
}

/// Whether there may be notices: asked after every line, so without a lock.
final class News: Sendable {
  private let isRaised = Atomic(false)

  func raise() { isRaised.store(true, ordering: .releasing) }

  /// Whether it was raised and nobody has asked yet.
  var isWaiting: Bool { isRaised.load(ordering: .acquiring) }

  /// Whether it was raised since it was last asked.
  var wasRaised: Bool {
    guard isRaised.load(ordering: .acquiring) else { return false }
    return isRaised.exchange(false, ordering: .acquiringAndReleasing)
  }
}
