internal import CFiles
internal import Glibc

/// A counting semaphore whose waits with a limit follow the monotonic clock.
///
/// `DispatchSemaphore` and `DispatchGroup` wait for a moment of the wall clock on Linux
/// (`sem_timedwait`): if the clock is set back by an hour, a wait of a second takes an hour longer.
/// So every wait with a limit goes through this type.
///
/// The corresponding C functions are `sem_init`, `sem_post`, `sem_wait`, `sem_trywait` and
/// `sem_clockwait`. The unchecked conformance is true because POSIX lets any thread call these.
package final class Semaphore: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  package init(_ value: UInt32 = 0) {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, value)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// The C semaphore, for signal handlers.
  var raw: UnsafeMutablePointer<sem_t> { semaphore }

  package func signal() { sem_post(semaphore) }

  package func wait() { while sem_wait(semaphore) != 0, errno == EINTR {} }

  /// Takes one if there is one; returns false otherwise.
  package func tryWait() -> Bool { sem_trywait(semaphore) == 0 }

  /// Waits up to this number of seconds; returns false if there was no signal.
  package func wait(seconds: Double) -> Bool {
    guard seconds < 1e9 else {
      wait()
      return true
    }
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    let nanoseconds = Int64(max(seconds, 0) * 1e9) + Int64(end.tv_nsec)
    end.tv_sec += Int(nanoseconds / 1_000_000_000)
    end.tv_nsec = Int(nanoseconds % 1_000_000_000)
    while cfiles_sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }
}
