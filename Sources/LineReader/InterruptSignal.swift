internal import Files
internal import Glibc
internal import Synchronization

/// Ctrl-C.
///
/// It stops the current statement, or clears the line at the prompt. The third press during one
/// statement ends the program in order.
package enum InterruptSignal {
  /// Presses during one statement after which the program ends.
  private static let patience = 2
  private static let count = Atomic<Int>(0)
  private static let raised = Atomic<Bool>(false)
  // Written once, before the handler that reads it is installed.
  nonisolated(unsafe) private static var action: (@convention(c) () -> Void)?

  /// Sets the action of the signal handler, which may call only functions that are safe there.
  package static func install(_ action: @escaping @convention(c) () -> Void) {
    self.action = action
    count.store(0, ordering: .relaxed)
    raised.store(false, ordering: .relaxed)
    var handler = sigaction()
    handler.__sigaction_handler.sa_handler = { _ in InterruptSignal.arrive() }
    // Without SA_RESTART, because a blocking read must end.
    sigaction(SIGINT, &handler, nil)
  }

  private static func arrive() {
    raised.store(true, ordering: .relaxed)
    if count.wrappingAdd(1, ordering: .relaxed).newValue > patience { Termination.request(SIGINT) }
    action?()
  }

  /// Stops the current statement, like a press; safe in a signal handler.
  package static func stopWork() {
    raised.store(true, ordering: .relaxed)
    action?()
  }

  /// Whether there was a press since `reset`.
  package static var wasRaised: Bool { raised.load(ordering: .relaxed) }

  /// Clears the memory of presses.
  package static func reset() {
    raised.store(false, ordering: .relaxed)
    count.store(0, ordering: .relaxed)
  }

  /// Returns whether a press came while a line was typed; at the prompt, presses do not add up.
  static func takeAtPrompt() -> Bool {
    guard raised.load(ordering: .relaxed) else { return false }
    count.store(0, ordering: .relaxed)
    return true
  }
}
