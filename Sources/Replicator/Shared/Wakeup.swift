import Files
import Synchronization

/// Wakes the thread of one stage; several calls before it waits again count as one.
final class Wakeup: Sendable {
  private let semaphore = Semaphore()
  private let isRaised = Atomic(false)

  func raise() {
    if !isRaised.exchange(true, ordering: .acquiringAndReleasing) { semaphore.signal() }
  }

  /// Lets time pass without looking, so that many calls cost as much as one; `wait` then finds them.
  func rest(seconds: Double) { Clock.sleep(seconds: seconds) }

  /// Waits for a call, or so many seconds; without end if nil.
  func wait(seconds: Double?) {
    if let seconds {
      _ = semaphore.wait(seconds: seconds)
    } else {
      semaphore.wait()
    }
    isRaised.store(false, ordering: .releasing)
  }
}
