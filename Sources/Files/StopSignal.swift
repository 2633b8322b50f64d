internal import Glibc
internal import Synchronization

/// The signals that end a service: SIGTERM and SIGINT.
package enum StopSignal {
  private static let count = Atomic(0)
  // Written once, before a handler that reads it is installed.
  nonisolated(unsafe) private static var semaphore: UnsafeMutablePointer<sem_t>?

  /// Makes the signals wake a thread that waits on `semaphore`.
  ///
  /// The semaphore must live until the program ends.
  package static func install(waking semaphore: Semaphore) {
    self.semaphore = semaphore.raw
    for signal in [SIGTERM, SIGINT] {
      var handler = sigaction()
      // sem_post may be called in a handler (signal-safety(7)).
      handler.__sigaction_handler.sa_handler = { _ in
        StopSignal.count.add(1, ordering: .relaxed)
        if let semaphore = StopSignal.semaphore { sem_post(semaphore) }
      }
      sigaction(signal, &handler, nil)
    }
  }

  /// The number of signals so far.
  package static var received: Int { count.load(ordering: .relaxed) }
}

/// Limits of this process.
package enum ProcessLimits {
  /// Permits as many open files as the system allows.
  ///
  /// The corresponding C function is `setrlimit`.
  package static func raiseOpenFiles() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// The maximum number of open files.
  package static var openFiles: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }
}

/// Names with the wildcards of a shell.
package enum NamePattern {
  /// Returns whether a file's name matches; a leading dot must be written.
  ///
  /// The corresponding C function is `fnmatch`.
  package static func matches(_ name: String, _ pattern: String) -> Bool {
    fnmatch(pattern, name, FNM_PERIOD) == 0
  }
}
