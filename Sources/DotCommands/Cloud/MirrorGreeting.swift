import Files
import Replicator

/// The mirror's line at an interactive start, and its sign in a prompt.
enum MirrorGreeting {
  /// Seconds that an interactive start waits for the mirror's position; after that it prints that
  /// it is connecting.
  static let patience = 0.25

  /// Returns the line below sqlite3's banner.
  ///
  /// It prints "Mirrored" only if the store holds every commit.
  static func line(_ status: MirrorStatus) -> String {
    let place = status.url
    switch status.phase {
    case .waiting: return "Mirror to \(place): begins with the first table."
    case .starting: return "Mirror to \(place): connecting."
    case .standby: return "Mirror to \(place): standby, \(status.lastError ?? "another process mirrors it")."
    case .failed, .off: return "Not mirrored to \(place): \(status.lastError ?? "the mirror is off")."
    case .running:
      guard status.captured > status.stored else {
        return "Mirrored to \(place), up to transaction \(status.stored)."
      }
      return
        "Mirror to \(place): \(status.captured - status.stored) of \(status.captured) transactions to go."
    }
  }

  /// Returns the mirror's sign in a prompt: nothing without a mirror, `=` if everything is stored,
  /// `+N` for N transactions to go, `~` while it starts, waits or stands by, `!` if it does not
  /// work.
  static func field(_ status: MirrorStatus) -> String {
    if status.url.isEmpty { return "" }
    switch status.phase {
    case .waiting, .starting, .standby: return "~"
    case .failed, .off: return "!"
    case .running:
      if status.captured > status.stored { return "+\(status.captured - status.stored)" }
      return status.lastError == nil ? "=" : "!"
    }
  }

  /// Waits a moment for a mirror that is starting.
  static func settled(_ status: () -> MirrorStatus) -> MirrorStatus {
    let end = Clock.monotonicSeconds + patience
    var now = status()
    while now.phase == .starting || now.phase == .running && now.captured > now.stored,
      now.lastError == nil, Clock.monotonicSeconds < end
    {
      Clock.sleep(microseconds: 5000)
      now = status()
    }
    return now
  }
}
