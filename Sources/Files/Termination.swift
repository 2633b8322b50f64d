internal import Glibc
internal import Synchronization

/// An orderly end of the program after a signal (SIGTERM, SIGHUP, or Ctrl-C several times).
///
/// The signal ends the current statement and every wait for input. The program then ends as at the
/// end of its input, and finally by the signal itself, so that its parent learns the reason.
package enum Termination {
  private static let requested = Atomic<Int32>(0)
  private static let grace = Atomic<UInt32>(10)
  // Both are written once, before a handler that reads them is installed.
  nonisolated(unsafe) private static var wakeUp: (read: Int32, write: Int32) = (-1, -1)
  nonisolated(unsafe) private static var action: (@convention(c) () -> Void)?

  /// Makes SIGTERM and SIGHUP request the end, unless they were ignored at the start, as with
  /// `nohup`.
  ///
  /// `action` is called from the signal handler, so it may call only functions that are safe there.
  package static func install(_ action: @escaping @convention(c) () -> Void) {
    self.action = action
    var ends: [Int32] = [-1, -1]
    if pipe(&ends) == 0 {
      for end in ends {
        _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        _ = fcntl(end, F_SETFL, O_NONBLOCK)
      }
      wakeUp = (ends[0], ends[1])
    }
    for signal in [SIGTERM, SIGHUP] {
      var before = sigaction()
      sigaction(signal, nil, &before)
      // SIG_IGN, whose value is 1 on all of Linux.
      guard unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) != 1 else { continue }
      var handler = sigaction()
      handler.__sigaction_handler.sa_handler = { Termination.request($0) }
      sigaction(signal, &handler, nil)
    }
  }

  /// Seconds after a request until the program ends in any case.
  package static func setGrace(seconds: Double) {
    grace.store(UInt32(min(max(seconds.rounded(.up), 1), 1e6)), ordering: .relaxed)
  }

  /// Requests the end; safe in a signal handler.
  package static func request(_ signal: Int32) {
    let before = requested.compareExchange(expected: 0, desired: signal, ordering: .relaxed)
    action?()
    guard before.exchanged else { return }
    _ = write(wakeUp.write, [0], 1)
    _ = alarm(grace.load(ordering: .relaxed))
  }

  /// Whether the end was requested.
  package static var isRequested: Bool { requested.load(ordering: .relaxed) != 0 }

  /// Waits until a descriptor has input or its end, or the end is requested; false then.
  static func waitForInput(_ descriptor: Int32) -> Bool {
    guard wakeUp.read >= 0 else { return true }
    var polled = [descriptor, wakeUp.read].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while !isRequested {
      let count = poll(&polled, 2, -1)
      // A descriptor that cannot be polled is read directly.
      if count < 0 && errno != EINTR || count > 0 && polled[0].revents != 0 { return true }
    }
    return false
  }

  /// Ends the program by the signal that requested it; returns if there was none, or if it was
  /// Ctrl-C.
  package static func finish() {
    let signal = requested.load(ordering: .relaxed)
    guard signal == SIGTERM || signal == SIGHUP else { return }
    Glibc.signal(signal, SIG_DFL)
    raise(signal)
  }
}
