internal import Glibc

/// Signals of the current thread.
package enum Signals {
  /// Runs `body` with no signal blocked: tests run on threads that block them, and a new process
  /// inherits that.
  package static func unblocked<Result>(_ body: () throws -> Result) rethrows -> Result {
    var (none, before) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return try body()
  }
}
