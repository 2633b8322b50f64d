import Files
import Replicator
import Synchronization

/// Reports readiness, state and signs of life to systemd.
///
/// Used on the service's thread only. Without systemd it does nothing, and wakes nobody.
final class Supervisor {
  private let notifier: SystemdNotifier
  private var isReady = false
  private var status = ""
  /// The time of the next sign of life; monotonic seconds.
  private var signDue = Clock.monotonicSeconds
  /// Whether the threads that read logs have run since the last sign.
  private let hasRun = Alive()

  private final class Alive: Sendable {
    let flag = Atomic(true)
  }

  init(_ notifier: SystemdNotifier) { self.notifier = notifier }

  /// Seconds until a sign of life is due; nil if none is wanted.
  var secondsToNextSign: Double? {
    notifier.watchdogSeconds.map { _ in max(signDue - Clock.monotonicSeconds, 0) }
  }

  /// Reports the state of all databases.
  ///
  /// The service is ready when the first state of each database is stored, except for those that
  /// cannot be mirrored now.
  func report(_ phases: [ServedDatabase.Phase], _ host: PipelineHost) {
    let mirrored = phases.count { $0 == .ready }
    let failing = phases.count { $0 == .failed }
    let text =
      "\(mirrored) of \(phases.count) databases mirrored" + (failing > 0 ? ", \(failing) failing" : "")
    let isNewlyReady = !isReady && !phases.contains { $0 == .starting || $0 == .begun }
    if isNewlyReady {
      isReady = true
      notifier.send("READY=1", "STATUS=\(text)")
    } else if text != status {
      notifier.send("STATUS=\(text)")
    }
    status = text
    giveSign(host)
  }

  private func giveSign(_ host: PipelineHost) {
    let now = Clock.monotonicSeconds
    guard let interval = notifier.watchdogSeconds, now >= signDue else { return }
    signDue = now + interval
    // If the threads hang, the sign stays away, and systemd starts the service again.
    guard hasRun.flag.exchange(false, ordering: .relaxed) else { return }
    notifier.send("WATCHDOG=1")
    let hasRun = hasRun
    host.probe { hasRun.flag.store(true, ordering: .relaxed) }
  }

  func stop() { notifier.send("STOPPING=1", "STATUS=storing what is left") }
}
