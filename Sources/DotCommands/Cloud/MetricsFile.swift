import Dispatch
import Files
import Replicator
import ObjectStore
import Synchronization

/// Keeps a file of metrics current, for the textfile collector of Prometheus's node_exporter.
///
/// A thread replaces the file as a whole, at most every few seconds, only if something changed, and
/// once more at the end. It sends no request to the store.
final class MetricsFile: Sendable {
  private struct State {
    var monitor: (@Sendable () -> MirrorStatus)?
    /// The status while nothing is mirrored.
    var status = MirrorStatus()
    var database = ""
    var written: String?
    var complaint: String?
    var isStarted = false
    var isEnded = false
  }

  /// Whether there was any status.
  var isStarted: Bool { state.withLock { $0.isStarted } }
  let ledger = ObservedStore.Ledger()
  private let path: String
  private let seconds: Double
  private let state = Mutex(State())
  private let wake = Semaphore()
  private let queue = DispatchQueue(label: "metrics")
  private let running = DispatchGroup()

  /// Names the file.
  ///
  /// Nothing is written before the first status. `seconds` is the minimum time between two writes.
  init(_ path: String, seconds: Double = 5) {
    self.path = path
    self.seconds = seconds
  }

  private func start() {
    queue.async(group: running) {
      while true {
        self.write()
        if self.state.withLock({ $0.isEnded }) { return }
        _ = self.wake.wait(seconds: self.seconds)
      }
    }
  }

  /// Sets the current status; `monitor` returns it from then on.
  ///
  /// The first call starts the thread.
  func note(_ status: MirrorStatus, _ monitor: (@Sendable () -> MirrorStatus)?, database: String) {
    let wasStarted = isStarted
    state.withLock {
      $0.status = status
      $0.monitor = monitor
      $0.database = database
      $0.isStarted = true
    }
    if !wasStarted { start() }
  }

  /// Writes the last state, with the mirror off; returns the first error.
  ///
  /// Nothing is written if there was no status.
  func end() -> String? {
    state.withLock { $0.isEnded = true }
    guard isStarted else { return nil }
    wake.signal()
    running.wait()
    return state.withLock { $0.complaint }
  }

  private func write() {
    let (monitor, before, database, written, isEnded) = state.withLock {
      ($0.monitor, $0.status, $0.database, $0.written, $0.isEnded)
    }
    var status = monitor?() ?? before
    if isEnded, status.phase != .failed { status.phase = .off }
    let text = MetricsText(status, ledger.account, database: database).text
    guard text != written else { return }
    do {
      try AtomicFile.write(Array(text.utf8), to: path, readableAs: database)
      state.withLock { $0.written = text }
    } catch {
      state.withLock { $0.complaint = $0.complaint ?? "metrics: \(error)" }
    }
  }
}
