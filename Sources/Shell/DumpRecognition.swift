internal import Bytes
internal import SQLite

/// Recognizes a script that `.dump` wrote, and makes the connection accept it.
///
/// Such a script may write virtual tables into the schema, and quotes names in both ways. A script
/// is a dump if the session's first two statements are those of a dump, and the database is empty.
/// It ends with its transaction.
struct DumpRecognition {
  private enum State {
    case atStart, afterFirstLine
    case within(connection: ObjectIdentifier, switches: [(name: String, isOn: Bool)])
    case over
  }

  private var state = Dialect.current.recognizesDumps ? State.atStart : .over
  /// The switches that a dump needs, and their values.
  private static let needs = [(name: "defensive", isOn: false), (name: "dqs_ddl", isOn: true)]

  /// Must be called before an input group, which ends with a zero byte, runs.
  mutating func willRun(_ group: ByteBuffer, _ session: Session) {
    switch state {
    case .atStart: state = Self.matches("PRAGMA foreign_keys=OFF;", group) ? .afterFirstLine : .over
    case .afterFirstLine:
      guard Self.matches("BEGIN TRANSACTION;", group), let connection = try? session.connection,
        (try? connection.rows("SELECT 1 FROM sqlite_schema LIMIT 1"))?.isEmpty == true
      else {
        state = .over
        return
      }
      state = .within(
        connection: ObjectIdentifier(connection),
        switches: Self.needs.map { ($0.name, connection.isOn($0.name)) })
      for need in Self.needs { connection.set(need.name, need.isOn) }
    case .within, .over: break
    }
  }

  /// Treats a group that could not be compiled as absent, if it ended the search.
  mutating func wasNotCompiled(_ before: DumpRecognition) {
    if case .over = state { self = before }
  }

  /// Must be called after an input group has run.
  mutating func didRun(_ session: Session) {
    guard case .within(let opened, let switches) = state else { return }
    guard let connection = session.database.openConnection, ObjectIdentifier(connection) == opened else {
      state = .over
      return
    }
    guard connection.isInAutocommit else { return }
    for (name, isOn) in switches { connection.set(name, isOn) }
    state = .over
  }

  private static func matches(_ line: StaticString, _ group: ByteBuffer) -> Bool {
    group.count == line.utf8CodeUnitCount + 1 && group.bytes.dropLast().elementsEqual(line.description.utf8)
  }
}
