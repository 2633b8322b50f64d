import Files
import ObjectStore
import Synchronization

/// Records whether the store answers, and the last error.
///
/// May be used on any thread.
final class Health: Sendable {
  private struct State {
    var lastError: MirrorError?
    /// The time when requests began to fail, in monotonic seconds, and whether the user got a
    /// notice.
    var failingSince: Double?
    var hasToldFailing = false
    /// Failures that another attempt cannot fix.
    ///
    /// The number increases, so that waiting threads see a new one.
    var permanentFailures = 0
    /// Increases to have failed requests sent again at once.
    var demands = 0
    /// Seconds that the last entry took to store.
    var lastPutSeconds = 1.0
  }

  let notices: NoticeQueue
  private let whenDemanded = Mutex<[@Sendable () -> Void]>([])
  private let state = OrderedLock(.health, State())

  init(_ notices: NoticeQueue) { self.notices = notices }

  var lastError: MirrorError? { state.withLock { $0.lastError } }
  /// The last error as the end of a sentence; empty if there is none.
  var lastErrorText: String { lastError.map { ": \($0.message)" } ?? "" }
  var isFailing: Bool { state.withLock { $0.failingSince != nil } }
  var permanentFailures: Int { state.withLock { $0.permanentFailures } }

  var lastPutSeconds: Double { state.withLock { $0.lastPutSeconds } }
  /// Whether the last answer was so quick that two requests in turn are faster than two at once.
  var isStoreNear: Bool { lastPutSeconds < 0.005 }

  func note(putSeconds: Double) { state.withLock { $0.lastPutSeconds = putSeconds } }

  /// Keeps an error for the status and for waiting threads.
  func note(_ error: MirrorError) { state.withLock { $0.lastError = error } }

  /// Notes that a request succeeded.
  func didReachStore() {
    let isBack = state.withLock { state in
      state.lastError = nil
      state.failingSince = nil
      defer { state.hasToldFailing = false }
      return state.hasToldFailing
    }
    if isBack { notices.add("mirror: the store answers again", .news) }
  }

  /// Notes that a request failed and is sent again; returns whether another attempt is known to
  /// fail.
  ///
  /// A failure that lasts longer than two seconds becomes a notice.
  func report(_ error: ObjectStoreError) -> Bool {
    let now = Clock.monotonicSeconds
    let isWorthNotice = state.withLock { state in
      state.lastError = MirrorError(.store, error.description)
      if !error.isTransient { state.permanentFailures += 1 }
      guard let since = state.failingSince else {
        state.failingSince = now
        return false
      }
      guard !state.hasToldFailing, now - since > 2 || !error.isTransient else { return false }
      state.hasToldFailing = true
      return true
    }
    if isWorthNotice { notices.add("mirror: \(error); trying again until it works") }
    return !error.isTransient
  }

  /// Sends a failed request again at once, because a thread waits for it.
  func demand() {
    state.withLock { $0.demands += 1 }
    for action in whenDemanded.withLock({ $0 }) { action() }
  }

  /// Sets the action to call at each demand.
  func whenDemanded(_ action: (@Sendable () -> Void)?) {
    whenDemanded.withLock { $0 = action.map { [$0] } ?? [] }
  }

  /// Waits before the next attempt, until `isStopped` returns true or a thread demands the attempt.
  func pause(after failures: Int, isStopped: () -> Bool) {
    pause(
      seconds: RetryPolicy.pause(after: failures, longest: RetryPolicy.longestForMirror), isStopped: isStopped
    )
  }

  func pause(seconds: Double, isStopped: () -> Bool) {
    let demands = state.withLock { $0.demands }
    Clock.wait(seconds: seconds) { isStopped() || state.withLock { $0.demands } != demands }
  }
}
