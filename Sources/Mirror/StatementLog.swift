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
  /// `PRAGMA`s that give a replay the session's settings.
  var settings = ""

  var isEmpty: Bool { group.count == 0 && group.barrier == nil }

  /// A table, view or trigger of the session, or an attached database.
  struct OtherName {
    /// Empty where any statement may use it.
    let name: String
    let kind: String
  }
  var otherNames: [OtherName] = []

  /// What a statement may use that a replay does not have; nil where there is nothing.
  private func otherName(in sql: ByteBuffer) -> String? {
    guard !otherNames.isEmpty else { return nil }
    let text = sql.string.lowercased()
    return otherNames.first { $0.name.isEmpty || text.contains($0.name.lowercased()) }.map {
      $0.name.isEmpty ? $0.kind : "\($0.kind) \($0.name) of the session"
    }
  }

  /// Notes a statement that changed something, or may have; `changes` counts the rows, triggers' too.
  func add(_ statement: Statement, changes: Int64, error: ResultCode?) {
    buffer.removeAll()
    guard statement.appendExpandedSQL(to: buffer) else {
      group.barrier = "a statement is too long to be written out with its parameters"
      return
    }
    if let outside = statement.connection.outsideReach.latest {
      group.barrier = "a statement uses \(outside)"
    }
    if let other = otherName(in: buffer) { group.barrier = "a statement uses \(other)" }
    group.append(
      buffer, changes: changes, error: error?.primary.rawValue, now: StatementTime.recorded,
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
    done.settings = settings
    discard()
    return done
  }

  /// Forgets the statements of a transaction that was rolled back.
  func discard() {
    group = StatementGroup()
    savepoints = []
  }
}
