import Dispatch
import Files
import Synchronization

/// The time of a stage's next step.
enum StagePause {
  /// After so many seconds, or when the stage is woken; infinite if only a wake-up matters.
  ///
  /// For the first `rest` seconds no wake-up counts, so that many of them cost one step.
  case after(Double, rest: Double = 0)
  /// After so many seconds, because a request failed; only an urgent wake-up ends the pause.
  case backOff(Double)
  /// Never: the stage has ended.
  case ended
}

/// Runs a stage of a pipeline step by step on the threads of a pool, one step at a time.
final class StageRunner: Sendable {
  fileprivate struct State {
    /// Both are released at the end, because a timer may keep the runner for an hour.
    var step: (@Sendable () -> StagePause)?
    var pool: (@Sendable () -> WorkerPool)?
    /// Whether a step runs or waits for a thread.
    var isQueued = false
    var isWoken = false
    /// The time before which no ordinary wake-up begins a step; monotonic seconds.
    var notBefore = -Double.infinity
    /// Whether a timer is set for that time.
    var isTimed = false
    /// The number of the timer that counts.
    var timer = 0
  }

  fileprivate enum Next: Sendable {
    case now, nothing, leave
    case timer(Int, seconds: Double)
  }

  private let group: DispatchGroup
  private let state: Mutex<State>

  /// Makes a runner, which `wake` starts; it is in `group` until the stage has ended.
  init(
    _ pool: @escaping @Sendable () -> WorkerPool, in group: DispatchGroup,
    step: @escaping @Sendable () -> StagePause
  ) {
    self.group = group
    group.enter()
    state = Mutex(State(step: step, pool: pool))
  }

  /// Runs the next step now, or after the current one.
  func wake(urgently: Bool = false) {
    let next: Next = state.withLock { $0.wake(urgently, Clock.monotonicSeconds) }
    follow(next)
  }

  private func run() {
    let step = state.withLock { state in
      state.isWoken = false
      return state.step
    }
    guard let step else { return }
    let pause = step()
    let next: Next = state.withLock { $0.end(pause, Clock.monotonicSeconds) }
    follow(next)
  }

  private func follow(_ next: Next) {
    let pool = state.withLock { $0.pool }
    switch next {
    case .now: pool?().submit { self.run() }
    case .timer(let number, let seconds): pool?().submit(after: seconds) { self.fire(number) }
    case .nothing: break
    case .leave: group.leave()
    }
  }

  /// Runs the step of a timer, on a thread of the pool.
  private func fire(_ number: Int) {
    let isDue = state.withLock { state in
      guard state.timer == number, !state.isQueued, state.step != nil else { return false }
      state.begin()
      return true
    }
    if isDue { run() }
  }
}

extension StageRunner.State {
  fileprivate mutating func begin() {
    isQueued = true
    timer += 1
    notBefore = -.infinity
  }

  fileprivate mutating func wake(_ isUrgent: Bool, _ now: Double) -> StageRunner.Next {
    guard step != nil else { return .nothing }
    isWoken = true
    guard !isQueued else { return .nothing }
    guard !isUrgent, now < notBefore else {
      begin()
      return .now
    }
    guard !isTimed else { return .nothing }
    isTimed = true
    timer += 1
    return .timer(timer, seconds: notBefore - now)
  }

  /// Notes the end of a step, and returns what follows.
  fileprivate mutating func end(_ pause: StagePause, _ now: Double) -> StageRunner.Next {
    var seconds = 0.0
    isTimed = true
    switch pause {
    case .ended:
      step = nil
      pool = nil
      isQueued = false
      return .leave
    case .backOff(let pause):
      seconds = pause
      notBefore = now + pause
    case .after(let pause, let rest):
      isTimed = isWoken
      seconds = isWoken ? rest : rest + pause
      notBefore = rest > 0 ? now + rest : -.infinity
    }
    guard seconds > 0 else { return .now }
    isQueued = false
    timer += 1
    return seconds == .infinity ? .nothing : .timer(timer, seconds: seconds)
  }
}
