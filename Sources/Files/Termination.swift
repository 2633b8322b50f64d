internal import Glibc
internal import Synchronization

/// An orderly end of the program that a signal asks for (SIGTERM, SIGHUP, or Ctrl-C pressed again and again).
///
/// The signal ends what runs and every wait for input. The program then leaves as at the end of its input, and at last by the signal
/// itself, so that its parent sees what it asked for.
package enum Termination {
  private static let requested = Atomic<Int32>(0)
  private static let grace = Atomic<UInt32>(10)
  // Both are written once, before a handler that reads them is installed.
  nonisolated(unsafe) private static var wakeUp: (read: Int32, write: Int32) = (-1, -1)
  nonisolated(unsafe) private static var action: (@convention(c) () -> Void)?

  /// Has SIGTERM and SIGHUP ask for the end, unless they were ignored when the program began, as `nohup` has it.
  ///
  /// `action` is called from the signal handler: it may do only what is safe there.
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

  /// Seconds after a request until the program is ended whatever it does.
  package static func setGrace(seconds: Double) {
    grace.store(UInt32(min(max(seconds.rounded(.up), 1), 1e6)), ordering: .relaxed)
  }

  /// Asks for the end; safe in a signal handler.
  package static func request(_ signal: Int32) {
    let before = requested.compareExchange(expected: 0, desired: signal, ordering: .relaxed)
    action?()
    guard before.exchanged else { return }
    _ = write(wakeUp.write, [0], 1)
    _ = alarm(grace.load(ordering: .relaxed))
  }

  /// Whether the end was asked for.
  package static var isRequested: Bool { requested.load(ordering: .relaxed) != 0 }

  /// Waits until a descriptor has input or its end, or the program's end is asked for; false then.
  static func waitForInput(_ descriptor: Int32) -> Bool {
    guard wakeUp.read >= 0 else { return true }
    var polled = [descriptor, wakeUp.read].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while !isRequested {
      let count = poll(&polled, 2, -1)
      // What cannot be polled is read.
      if count < 0 && errno != EINTR || count > 0 && polled[0].revents != 0 { return true }
    }
    return false
  }

  /// Ends the program by the signal that asked for it; returns if none did, or if it was Ctrl-C.
  package static func finish() {
    let signal = requested.load(ordering: .relaxed)
    guard signal == SIGTERM || signal == SIGHUP else { return }
    Glibc.signal(signal, SIG_DFL)
    raise(signal)
  }
}
