import Files
import Synchronization

/// Wakes the thread of one stage; several calls before its next wait count as one.
///
/// If the stage has a runner instead of a thread, it calls that.
final class Wakeup: Sendable {
  private let semaphore = Semaphore()
  private let isRaised = Atomic(false)
  /// At most one: the optimizer of Swift 6.0.3 fails at an optional function in a lock.
  private let actions = Mutex<[@Sendable () -> Void]>([])
  /// Read for each commit, therefore without a lock.
  private let hasAction = Atomic(false)

  /// Sets the action to call instead of waking a thread.
  func call(_ action: (@Sendable () -> Void)?) {
    actions.withLock { $0 = action.map { [$0] } ?? [] }
    hasAction.store(true, ordering: .releasing)
  }

  func raise() {
    guard !hasAction.load(ordering: .acquiring) else {
      for action in actions.withLock({ $0 }) { action() }
      return
    }
    if !isRaised.exchange(true, ordering: .acquiringAndReleasing) { semaphore.signal() }
  }

  /// Sleeps without a check, so that many calls cost as much as one; `wait` then finds them.
  func rest(seconds: Double) { Clock.sleep(seconds: seconds) }

  /// Waits for a call, at most `seconds`; without a limit if nil.
  func wait(seconds: Double?) {
    if let seconds {
      _ = semaphore.wait(seconds: seconds)
    } else {
      semaphore.wait()
    }
    isRaised.store(false, ordering: .releasing)
  }
}
