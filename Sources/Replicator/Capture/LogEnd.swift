import Files
import SQLite
import WALFormat

/// The end of SQLite's log at one moment: every frame before it is committed.
///
/// It comes from the log's index (https://www.sqlite.org/walformat.html#the_wal_index_file_format),
/// so it does not depend on the captured frames. Threads that wait for the mirror wait for such an
/// end.
struct LogEnd: Hashable, Sendable {
  let salt: WALSalt
  /// Committed frames of the epoch.
  let frame: Int
  /// Committed frames that the database file holds too.
  let copied: Int

  /// Whether the database file holds all of the log.
  var isCopied: Bool { copied == frame }

  /// Reads the index; nil if the database has no log.
  ///
  /// Throws `.hole` if the index stays half written for a tenth of a second, as after a kill.
  static func of(_ database: DatabaseFile) throws -> LogEnd? {
    for _ in 0..<100 {
      switch database.logIndex() {
      case .holds(let salts, let frames, let copied):
        return LogEnd(salt: WALSalt(first: salts.0, second: salts.1), frame: frames, copied: copied)
      case .absent: return nil
      case .busy: Clock.sleep(microseconds: 1000)
      }
    }
    throw MirrorError(.hole, "the index of the log is damaged")
  }
}
