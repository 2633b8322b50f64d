internal import Files
internal import Glibc
internal import Synchronization

/// Ctrl-C.
///
/// It stops what runs, or clears the line at the prompt. The third while one thing runs ends the program in order.
package enum InterruptSignal {
  /// Presses while something runs after which the program ends.
  private static let patience = 2
  private static let count = Atomic<Int>(0)
  private static let raised = Atomic<Bool>(false)
  // Written once, before the handler that reads it is installed.
  nonisolated(unsafe) private static var action: (@convention(c) () -> Void)?

  /// Calls `action` from the signal handler: it may do only what is safe there.
  package static func install(_ action: @escaping @convention(c) () -> Void) {
    self.action = action
    count.store(0, ordering: .relaxed)
    raised.store(false, ordering: .relaxed)
    var handler = sigaction()
    handler.__sigaction_handler.sa_handler = { _ in InterruptSignal.arrive() }
    // Not SA_RESTART: a blocking read must end.
    sigaction(SIGINT, &handler, nil)
  }

  private static func arrive() {
    raised.store(true, ordering: .relaxed)
    if count.wrappingAdd(1, ordering: .relaxed).newValue > patience { Termination.request(SIGINT) }
    action?()
  }

  /// Stops what runs, as a press does; safe in a signal handler.
  package static func stopWork() {
    raised.store(true, ordering: .relaxed)
    action?()
  }

  /// Whether it arrived since `reset`.
  package static var wasRaised: Bool { raised.load(ordering: .relaxed) }

  /// Forgets what arrived.
  package static func reset() {
    raised.store(false, ordering: .relaxed)
    count.store(0, ordering: .relaxed)
  }

  /// Whether it arrived while a line was being typed; at the prompt, presses do not add up.
  static func takeAtPrompt() -> Bool {
    guard raised.load(ordering: .relaxed) else { return false }
    count.store(0, ordering: .relaxed)
    return true
  }
}
