internal import Bytes
internal import SQLite

/// Recognizes a script that `.dump` wrote, and lets the connection take it.
///
/// Such a script may enter virtual tables into the schema and quote names in both ways. It is one if the first two statements
/// of a session are those that a dump begins with, and the database is empty. It ends with its transaction.
struct DumpRecognition {
  private enum State {
    case atStart, afterFirstLine
    case within(connection: ObjectIdentifier, switches: [(name: String, isOn: Bool)])
    case over
  }

  private var state = Dialect.current.recognizesDumps ? State.atStart : .over
  /// Switches that a dump needs, and how.
  private static let needs = [(name: "defensive", isOn: false), (name: "dqs_ddl", isOn: true)]

  /// Before an input group runs, which ends with a zero byte.
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

  /// A group could not be compiled: as if it had not been there, if it ended the search.
  mutating func wasNotCompiled(_ before: DumpRecognition) {
    if case .over = state { self = before }
  }

  /// After an input group has run.
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
