internal import Glibc
internal import Synchronization

/// Ctrl-C.
///
/// The first stops what runs or clears the line; the third without a line between them ends the program.
package enum InterruptSignal {
  /// Ctrl-C presses after which the program ends.
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
    if count.wrappingAdd(1, ordering: .relaxed).newValue > patience { _exit(1) }
    action?()
  }

  /// Whether it arrived since `reset`.
  package static var wasRaised: Bool { raised.load(ordering: .relaxed) }

  /// Forgets what arrived.
  package static func reset() {
    raised.store(false, ordering: .relaxed)
    count.store(0, ordering: .relaxed)
  }

  /// A new line is asked for: what arrived before is forgotten, except presses at an empty prompt.
  static func startLine() { raised.store(false, ordering: .relaxed) }

  /// Whether it arrived while a line was being typed.
  ///
  /// A press that clears something starts the count again.
  static func takeAtPrompt(hasText: Bool) -> Bool {
    guard raised.load(ordering: .relaxed) else { return false }
    if hasText { count.store(1, ordering: .relaxed) }
    return true
  }
}
