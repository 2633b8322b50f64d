import Files
import SQLite
import WALFormat

/// Where SQLite's log ended at one moment: every frame up to there is committed.
///
/// It is read from the log's index (https://www.sqlite.org/walformat.html#the_wal_index_file_format), so it does not depend on
/// what the mirror has read of the log. Whoever waits for the mirror waits for such a place.
struct LogEnd: Hashable, Sendable {
  let salt: WALSalt
  /// Committed frames of the epoch.
  let frame: Int
  /// Those of them that the database file holds too.
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
