import Files
import ObjectStore

/// Whether the store answers, and what went wrong last.
final class Health: Sendable {
  private struct State {
    var lastError: MirrorError?
    /// When requests began to fail, in monotonic seconds, and whether the user was told.
    var failingSince: Double?
    var hasToldFailing = false
    /// Failures that another attempt does not mend; goes up, so that who waits sees a new one.
    var permanentFailures = 0
    /// Goes up to have failed requests sent again at once.
    var demands = 0
    /// How long the last entry took to store, in seconds.
    var lastPutSeconds = 1.0
  }

  let notices: NoticeQueue
  private let state = OrderedLock(.health, State())

  init(_ notices: NoticeQueue) { self.notices = notices }

  var lastError: MirrorError? { state.withLock { $0.lastError } }
  /// The last error as the end of a sentence; empty if there is none.
  var lastErrorText: String { lastError.map { ": \($0.message)" } ?? "" }
  var isFailing: Bool { state.withLock { $0.failingSince != nil } }
  var permanentFailures: Int { state.withLock { $0.permanentFailures } }

  var lastPutSeconds: Double { state.withLock { $0.lastPutSeconds } }
  /// Whether the store answered the last time so soon that two requests at once are slower than one after the other.
  var isStoreNear: Bool { lastPutSeconds < 0.005 }

  func note(putSeconds: Double) { state.withLock { $0.lastPutSeconds = putSeconds } }

  /// Keeps an error for the status and for those who wait.
  func note(_ error: MirrorError) { state.withLock { $0.lastError = error } }

  /// A request has succeeded.
  func didReachStore() {
    let isBack = state.withLock { state in
      state.lastError = nil
      state.failingSince = nil
      defer { state.hasToldFailing = false }
      return state.hasToldFailing
    }
    if isBack { notices.add("mirror: the store answers again") }
  }

  /// A request has failed and is sent again; returns whether that is in vain, as far as can be known.
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

  /// Has a request that failed sent again at once: somebody waits.
  func demand() { state.withLock { $0.demands += 1 } }

  /// Waits before the next attempt; ends early if `isStopped` returns true or somebody demands the attempt.
  func pause(after failures: Int, isStopped: () -> Bool) {
    let demands = state.withLock { $0.demands }
    let pause = RetryPolicy.pause(after: failures, longest: RetryPolicy.longestForMirror)
    Clock.wait(seconds: pause) { isStopped() || state.withLock { $0.demands } != demands }
  }
}
