import Files
import Synchronization

/// Learns from the file system that somebody wrote to the log or copied it.
final class LogWatch: Sendable {
  private let watch: FileWatch?
  private let isArmed = Mutex(true)
  private let lastWrite = Mutex(-Double.infinity)

  init(_ database: String) { watch = FileWatch([database + "-wal", database], .content, once: true) }

  var isPossible: Bool { watch != nil }

  /// When somebody did so last, in monotonic seconds; what was written is committed a moment later.
  var lastChange: Double { lastWrite.withLock { $0 } }

  /// Waits for changes until cancelled; calls `changed` after each.
  func run(while isRunning: () -> Bool, changed: () -> Void) {
    guard let watch else { return }
    while isRunning() {
      guard watch.wait(seconds: nil), isRunning() else { continue }
      lastWrite.withLock { $0 = Clock.monotonicSeconds }
      isArmed.withLock { $0 = false }
      changed()
    }
  }

  /// Watches from now on; returns whether it did so already.
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
