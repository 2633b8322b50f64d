import Files
import Synchronization

/// Reports that a process wrote to the log or copied it, from events of the file system.
final class LogWatch: Sendable {
  private let watch: FileWatch?
  private let paths: [String]
  /// The watch of a host, which needs no thread here, and the requests in it.
  private let shared: SharedWatch?
  private let requests = Mutex<[SharedWatch.Token?]>([])
  private let changed: @Sendable () -> Void
  private let isArmed = Mutex(true)
  private let lastWrite = Mutex(-Double.infinity)

  /// Watches a database; `changed` is called after each change.
  init(_ database: String, _ shared: SharedWatch?, changed: @escaping @Sendable () -> Void) {
    paths = [database + "-wal", database]
    self.shared = shared
    self.changed = changed
    watch = shared == nil ? FileWatch(paths, .content, once: true) : nil
    if shared != nil { armShared() }
  }

  var isPossible: Bool {
    watch != nil || requests.withLock { !$0.isEmpty && !$0.contains(nil) }
  }

  /// The time of the last change, in monotonic seconds; the commit follows a moment later.
  var lastChange: Double { lastWrite.withLock { $0 } }

  /// Waits for changes until cancelled.
  ///
  /// It runs on a thread of its own.
  func run(while isRunning: () -> Bool) {
    guard let watch else { return }
    while isRunning() {
      guard watch.wait(seconds: nil), isRunning() else { continue }
      note()
    }
  }

  private func note() {
    lastWrite.withLock { $0 = Clock.monotonicSeconds }
    isArmed.withLock { $0 = false }
    changed()
  }

  private func armShared() {
    guard let shared else { return }
    requests.withLock { requests in
      for case let old? in requests { shared.remove(old) }
      requests = paths.map { path in shared.add(path, .firstWrite) { [weak self] _ in self?.note() } }
    }
  }

  /// Starts to watch; returns whether it watched already.
  func arm() -> Bool {
    guard watch != nil || shared != nil else { return true }
    let wasArmed = isArmed.withLock { isArmed in
      defer { isArmed = true }
      return isArmed
    }
    if !wasArmed {
      watch?.arm()
      armShared()
    }
    return wasArmed
  }

  func cancel() {
    watch?.cancel()
    requests.withLock { requests in
      for case let request? in requests { shared?.remove(request) }
      requests = []
    }
  }
}
