import Files
import Synchronization

/// Reports that a process wrote to the log or copied it, from events of the file system.
final class LogWatch: Sendable {
  private let watch: FileWatch?
  private let isArmed = Mutex(true)
  private let lastWrite = Mutex(-Double.infinity)

  init(_ database: String) { watch = FileWatch([database + "-wal", database], .content, once: true) }

  var isPossible: Bool { watch != nil }

  /// The time of the last change, in monotonic seconds; the commit follows a moment later.
  var lastChange: Double { lastWrite.withLock { $0 } }

  /// Waits for changes until cancelled, and calls `changed` after each.
  ///
  /// It runs on a thread of its own.
  func run(while isRunning: () -> Bool, changed: () -> Void) {
    guard let watch else { return }
    while isRunning() {
      guard watch.wait(seconds: nil), isRunning() else { continue }
      lastWrite.withLock { $0 = Clock.monotonicSeconds }
      isArmed.withLock { $0 = false }
      changed()
    }
  }

  /// Starts to watch; returns whether it watched already.
  func arm() -> Bool {
    guard let watch else { return true }
    let wasArmed = isArmed.withLock { isArmed in
      defer { isArmed = true }
      return isArmed
    }
    if !wasArmed { watch.arm() }
    return wasArmed
  }

  func cancel() { watch?.cancel() }
}
