import Files
import Synchronization

/// Wakes the thread of one stage; several calls before its next wait count as one.
final class Wakeup: Sendable {
  private let semaphore = Semaphore()
  private let isRaised = Atomic(false)

  func raise() {
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
