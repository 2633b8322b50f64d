internal import SQLite
internal import Shell

/// The recorders of changes that `.session` opened, for each connection; they end with it.
final class ChangeRecorders: SessionObserver {
  /// A recorder and its name.
  struct Entry {
    let name: String
    let recorder: ChangeRecorder
  }

  /// The maximum number of recorders for a connection.
  private static let most = 4
  private var entries: [ObjectIdentifier: [Entry]] = [:]

  /// Returns the recorders of a session, created when they are first needed.
  static func of(_ session: Session) -> ChangeRecorders {
    if let present: ChangeRecorders = session.observer() { return present }
    let made = ChangeRecorders()
    session.add(made)
    return made
  }

  func connectionWillClose(_ connection: Connection, in session: Session) {
    entries[ObjectIdentifier(connection)] = nil
  }

  func open(on connection: Connection) -> [Entry] { entries[ObjectIdentifier(connection)] ?? [] }

  func index(of name: String, on connection: Connection) -> Int? {
    open(on: connection).firstIndex { $0.name == name }
  }

  /// Begins to record changes of a schema.
  func begin(_ name: String, _ schema: String, on connection: Connection, in session: Session) throws {
    guard !name.isEmpty else { return }
    guard index(of: name, on: connection) == nil else {
      session.errors.print("Session \"\(name)\" already exists")
      return
    }
    guard open(on: connection).count < Self.most else {
      session.errors.print("Maximum of \(Self.most) sessions")
      return
    }
    do throws(SQLiteError) {
      let recorder = try ChangeRecorder(connection, schema: schema)
      // With a filter, all tables are recorded, attached or not.
      recorder.setFilter { _ in true }
      entries[ObjectIdentifier(connection), default: []].append(Entry(name: name, recorder: recorder))
    } catch {
      session.errors.print("Cannot open session: error code=\(error.code.rawValue)")
    }
  }

  /// Ends a recorder.
  ///
  /// The last one takes its place, as in sqlite3.
  func end(_ index: Int, on connection: Connection) {
    guard var list = entries[ObjectIdentifier(connection)], index < list.count else { return }
    list.swapAt(index, list.count - 1)
    list.removeLast()
    entries[ObjectIdentifier(connection)] = list
  }
}
