import Files
import ReplicaFormat
import SQLite
import Synchronization

/// Holds the announcements of the session's own commits, made before the log is read.
///
/// A commit in the log without an announcement comes from another connection or process. The
/// session's thread announces, and threads that capture take.
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

  /// Announcements before the waiting ones; the first `head` of them are taken.
  private struct Fetched {
    var list: [Announcement] = []
    var head = 0

    var lastFrame: Int? { head < list.count ? list.last?.frame : nil }
  }

  /// The session's thread rarely has to wait for it, because other threads hold it briefly.
  private let state = Mutex(State())
  private let fetched = Mutex(Fetched())
  private let isWriting = Atomic(false)
  private let hasAnnounced = Atomic(false)

  func announce(_ announcement: Announcement) {
    state.withLock { $0.waiting.append(announcement) }
    hasAnnounced.store(true, ordering: .relaxed)
  }

  /// Notes the beginning or the end of a statement that may commit.
  ///
  /// Between the two, the log may hold a commit that is not announced yet.
  func setWriting(_ isWriting: Bool) { self.isWriting.store(isWriting, ordering: .sequentiallyConsistent) }

  /// Sets the thread whose statements are announced from now on.
  func follow(_ waits: LockWaits) { state.withLock { $0.waits = waits } }

  /// Returns the result of `look` if the session's thread waited for a lock all the while; nil if
  /// not.
  ///
  /// During such a wait, the log holds no unannounced commit of the session.
  func whileWaiting<Result>(_ look: () throws -> Result) rethrows -> Result? {
    guard let waits = state.withLock({ $0.waits }), let wait = waits.present else { return nil }
    let result = try look()
    return waits.isPresent(wait) ? result : nil
  }

  /// Returns whether a commit was announced since the last call.
  func takeActivity() -> Bool { hasAnnounced.exchange(false, ordering: .relaxed) }

  /// The last frame that may be read now; nil for no limit.
  var readLimit: Int? {
    let before = fetched.withLock { $0.lastFrame }
    return state.withLock {
      guard isWriting.load(ordering: .sequentiallyConsistent) else { return nil }
      return $0.waiting.last?.frame ?? before ?? 0
    }
  }

  /// Returns the last frame to read after `frame`.
  ///
  /// It is `readLimit`, or else the last announced frame, so that each read finds new frames.
  func limit(after frame: Int) -> Int? {
    let before = fetched.withLock { $0.lastFrame }
    return state.withLock {
      let last = $0.waiting.last?.frame ?? before
      if isWriting.load(ordering: .sequentiallyConsistent) { return last ?? 0 }
      return last.flatMap { $0 > frame ? $0 : nil }
    }
  }

  /// Returns the announcement of the commit that ends at `frame`; nil for a commit of another
  /// connection.
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
      // Its statements may be long, and the list lives on until all its announcements are taken.
      fetched.list[head].group = StatementGroup()
      return found
    }
  }
}
