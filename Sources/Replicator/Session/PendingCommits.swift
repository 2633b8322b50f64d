import Files
import ReplicaFormat
import SQLite
import Synchronization

/// What the session's connection says of its own commits, before the log is read.
///
/// A commit found in the log without an announcement was made by another connection or process.
final class PendingCommits: Sendable {
  struct Announcement: Sendable {
    /// Frames in the log after the commit.
    let frame: Int
    /// Microseconds since 1970.
    let time: Int64
    fileprivate(set) var group: StatementGroup
  }

  private struct State {
    var waiting: [Announcement] = []
    var waits: LockWaits?
  }

  /// Those that come before the ones that wait, of which the first so many are taken.
  private struct Fetched {
    var list: [Announcement] = []
    var head = 0

    var lastFrame: Int? { head < list.count ? list.last?.frame : nil }
  }

  /// The session's thread adds to it, and hardly ever finds it locked: others hold it for a moment only.
  private let state = Mutex(State())
  private let fetched = Mutex(Fetched())
  private let isWriting = Atomic(false)
  private let hasAnnounced = Atomic(false)

  func announce(_ announcement: Announcement) {
    state.withLock { $0.waiting.append(announcement) }
    hasAnnounced.store(true, ordering: .relaxed)
  }

  /// A statement that may commit begins or has ended: between the two, a commit may stand in the log before it is
  /// announced.
  func setWriting(_ isWriting: Bool) { self.isWriting.store(isWriting, ordering: .sequentiallyConsistent) }

  /// The thread whose statements are announced from now on.
  func follow(_ waits: LockWaits) { state.withLock { $0.waits = waits } }

  /// What a look at the log tells, where the session's thread waited for a lock all the while; nil where it did not.
  ///
  /// Then nothing in the log is the session's that is not announced.
  func whileWaiting<Result>(_ look: () throws -> Result) rethrows -> Result? {
    guard let waits = state.withLock({ $0.waits }), let wait = waits.present else { return nil }
    let result = try look()
    return waits.isPresent(wait) ? result : nil
  }

  /// Whether anything was announced since this was asked last.
  func takeActivity() -> Bool { hasAnnounced.exchange(false, ordering: .relaxed) }

  /// Last frame that may be read now; nil for no limit.
  var readLimit: Int? {
    let before = fetched.withLock { $0.lastFrame }
    return state.withLock {
      guard isWriting.load(ordering: .sequentiallyConsistent) else { return nil }
      return $0.waiting.last?.frame ?? before ?? 0
    }
  }

  /// Last frame to read after `frame`: as `readLimit`, or as far as was announced, so that nothing is read in vain.
  func limit(after frame: Int) -> Int? {
    let before = fetched.withLock { $0.lastFrame }
    return state.withLock {
      let last = $0.waiting.last?.frame ?? before
      if isWriting.load(ordering: .sequentiallyConsistent) { return last ?? 0 }
      return last.flatMap { $0 > frame ? $0 : nil }
    }
  }

  /// The announcement of the commit that ends at `frame`; nil for a commit of somebody else.
  func take(frame: Int) -> Announcement? {
    fetched.withLock { fetched in
      if fetched.head == fetched.list.count {
        fetched.list.removeAll(keepingCapacity: true)
        fetched.head = 0
        state.withLock { swap(&$0.waiting, &fetched.list) }
      }
      let head = fetched.head
      guard head < fetched.list.count, fetched.list[head].frame == frame else { return nil }
      fetched.head += 1
      let found = fetched.list[head]
      // What it says may be long, and others of the same list wait longer.
      fetched.list[head].group = StatementGroup()
      return found
    }
  }
}
