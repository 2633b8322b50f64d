import Files
import ReplicaFormat
import SQLite
import Synchronization

/// What the session's connection says of its own commits, before the log is read.
///
/// A commit found in the log without an announcement was made by another connection or process.
final class Announcements: Sendable {
  struct Announcement: Sendable {
    /// Frames in the log after the commit.
    let frame: Int
    /// Microseconds since 1970.
    let time: Int64
    let group: StatementGroup
  }

  private struct State {
    var waiting: [Announcement] = []
    var head = 0
    var waits: LockWaits?
  }

  private let state = Mutex(State())
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
    state.withLock {
      guard isWriting.load(ordering: .sequentiallyConsistent) else { return nil }
      return $0.head < $0.waiting.count ? $0.waiting.last?.frame ?? 0 : 0
    }
  }

  /// Last frame to read after `frame`: as `readLimit`, or as far as was announced, so that nothing is read in vain.
  func limit(after frame: Int) -> Int? {
    state.withLock {
      let last = $0.head < $0.waiting.count ? $0.waiting.last?.frame : nil
      if isWriting.load(ordering: .sequentiallyConsistent) { return last ?? 0 }
      return last.flatMap { $0 > frame ? $0 : nil }
    }
  }

  /// The announcement of the commit that ends at `frame`; nil for a commit of somebody else.
  func take(frame: Int) -> Announcement? {
    state.withLock { state in
      guard state.head < state.waiting.count, state.waiting[state.head].frame == frame else { return nil }
      let found = state.waiting[state.head]
      state.head += 1
      if state.head == state.waiting.count || state.head > 1024 {
        state.waiting.removeFirst(state.head)
        state.head = 0
      }
      return found
    }
  }
}
