import Dispatch
import Synchronization

/// Wakes one waiting thread; signals that nobody has waited for yet count as one.
final class Signal: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  private let isRaised = Atomic(false)

  func raise() {
    if !isRaised.exchange(true, ordering: .acquiringAndReleasing) { semaphore.signal() }
  }

  /// Lets time pass, signals or not, so that many of them cost as much as one; `wait` then finds them.
  func rest(seconds: Double) { _ = DispatchSemaphore(value: 0).wait(timeout: .now() + seconds) }

  /// Waits for a signal, or so many seconds; without end where nil.
  func wait(seconds: Double?) {
    if let seconds {
      _ = semaphore.wait(timeout: .now() + max(seconds, 0))
    } else {
      semaphore.wait()
    }
    isRaised.store(false, ordering: .releasing)
  }
}
