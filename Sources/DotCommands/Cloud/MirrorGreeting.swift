import Files
import Replicator

/// What an interactive start and a prompt say of the mirror.
enum MirrorGreeting {
  /// Seconds that an interactive start waits to tell how far the mirror is; longer, and it says that it is connecting.
  static let patience = 0.25

  /// The line below sqlite3's banner.
  static func line(_ status: MirrorStatus) -> String {
    let place = status.url
    switch status.phase {
    case .waiting: return "Mirrored to \(place), from its first table on."
    case .starting: return "Mirrored to \(place): connecting."
    case .standby: return "Mirrored to \(place): \(status.lastError ?? "another process mirrors it")."
    case .failed, .off: return "Not mirrored to \(place): \(status.lastError ?? "the mirror is off")."
    case .running:
      guard status.captured > status.stored else {
        return "Mirrored to \(place), up to transaction \(status.stored)."
      }
      return
        "Mirrored to \(place): \(status.captured - status.stored) of \(status.captured) transactions to go."
    }
  }

  /// The mirror's state in a prompt: nothing without one, `=` where all is mirrored, `+N` for N transactions to go, `~`
  /// while it starts, waits or stands by, `!` where it does not work.
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
