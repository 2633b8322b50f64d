import Dispatch
import SQLite

/// What reads the log and keeps it from being restarted, for one thread at a time.
///
/// The unchecked conformance is true because `site` is reached under `lock` only.
final class CaptureLock: @unchecked Sendable {
  /// The guard, and the capture once it is known where to begin.
  final class Site {
    let guardian: Guard
    var capture: Capture?
    var isClosed = false
    init(_ guardian: Guard) { self.guardian = guardian }
  }

  private let site: Site
  /// Who waits sleeps: the session has it for a whole checkpoint, and a `Mutex` would keep a core busy meanwhile.
  private let lock = DispatchSemaphore(value: 1)

  init(_ guardian: sending Guard) { site = Site(guardian) }

  func withLock<Result>(_ body: (Site) throws -> Result) rethrows -> Result {
    lock.wait()
    defer { lock.signal() }
    return try body(site)
  }

  /// Nil where another thread has the lock.
  func withLockIfAvailable<Result>(_ body: (Site) throws -> Result) rethrows -> Result? {
    guard lock.wait(timeout: .now()) == .success else { return nil }
    defer { lock.signal() }
    return try body(site)
  }

  /// Lets go of the log; nothing is captured any more.
  func close() {
    withLock { site in
      guard !site.isClosed else { return }
      site.isClosed = true
      site.capture = nil
      site.guardian.close()
    }
  }
}
