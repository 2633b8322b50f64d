import Bytes
import ReplicaFormat
import SQLite

/// Collects the statements of the transaction that is open, until it commits.
///
/// Statements that were rolled back are forgotten, those that only read are never noted. One that failed inside a
/// transaction that went on is kept with its error: with `OR FAIL` it may have changed rows.
final class StatementLog {
  private var group = StatementGroup()
  private var savepoints: [(name: String, mark: StatementGroup.Mark)] = []
  private let buffer = ByteBuffer()
  /// What statements are told of chance.
  let random = StatementRandom()
  /// The settings that the replay of the groups handed over so far has.
  private var loggedSettings = ""
  /// `PRAGMA`s that give a replay the session's settings.
  var settings = ""

  var isEmpty: Bool { group.count == 0 }

  /// Notes a statement that changed something, or may have; `changes` counts the rows, triggers' too.
  func add(_ statement: Statement, changes: Int64, error: ResultCode?) {
    buffer.removeAll()
    guard statement.appendExpandedSQL(to: buffer) else {
      group.barrier = "a statement is too long to be written out with its parameters"
      return
    }
    group.append(
      buffer.bytes, changes: changes, error: error?.primary.rawValue, now: StatementTime.recorded,
      seed: random.seed)
  }

  /// Follows savepoints, so that what `ROLLBACK TO` undoes is forgotten.
  func noteControl(_ keyword: SQLKeyword) {
    switch keyword {
    case .savepoint(let name): savepoints.append((name, group.mark))
    case .release(let name):
      if let at = savepoints.lastIndex(where: { $0.name == name }) {
        savepoints.removeLast(savepoints.count - at)
      }
    case .rollbackTo(let name):
      guard let at = savepoints.lastIndex(where: { $0.name == name }) else { return }
      savepoints.removeLast(savepoints.count - at - 1)
      group.rewind(to: savepoints[at].mark)
    default: break
    }
  }

  /// Hands over the statements of a transaction that committed.
  func commit() -> StatementGroup {
    var done = group
    if settings != loggedSettings {
      done.settings = settings
      loggedSettings = settings
    }
    discard()
    return done
  }

  /// Forgets the statements of a transaction that was rolled back.
  func discard() {
    group = StatementGroup()
    savepoints = []
  }
}
