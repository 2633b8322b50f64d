import Files
import Replicator

/// The state of one database of a service.
///
/// Used on the service's thread only.
final class ServedDatabase {
  enum Phase: String {
    /// Its mirror is being started.
    case starting
    /// The mirror runs, and nothing can be restored yet.
    case begun
    case ready
    /// Another process mirrors it.
    case held
    /// It is empty or no database: it starts when the file changes.
    case idle
    /// It starts again later.
    case failed
    case gone
  }

  let path: String
  /// The path of the database below its folder, as it was found.
  let relative: String
  /// The path of its replica below the mirror's URL.
  let replica: String
  var info: FileInfo?
  var phase = Phase.starting
  var mirror: DatabaseMirror?
  /// Failed starts in a row.
  var failures = 0
  /// The time of the next start; monotonic seconds.
  var retryAt: Double?
  /// The last line that was printed about it.
  var said: String?

  init(_ path: String, relative: String, info: FileInfo?) {
    self.path = path
    self.relative = relative
    replica = ServedFolder.key(relative)
    self.info = info
  }

  var isGone: Bool { phase == .gone }
  var isRunning: Bool { phase == .begun || phase == .ready }

  /// Returns whether a file is this database, whatever its content is now.
  func isSame(as other: FileInfo?) -> Bool {
    guard let info, let other else { return info == nil && other == nil }
    return info.isSame(as: other)
  }
}
