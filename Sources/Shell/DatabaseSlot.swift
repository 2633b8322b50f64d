internal import Extensions
package import SQLite

/// The databases of a session, one of which is current.
///
/// A database is opened when it is first needed.
package final class DatabaseSlot {
  /// The number of databases that `.connection` can hold.
  package static let most = 5

  private struct Slot {
    var connection: Connection?
    var name: String?
  }

  weak var session: Session?
  /// The index of the current database.
  package private(set) var current = 0
  private var slots = [Slot](repeating: Slot(), count: most)
  /// How the current database is opened, also the next time.
  package var manner = Manner.byContent
  /// Whether a new file whose name ends in `.zip` becomes a ZIP archive.
  package var makesArchives = false
  /// Whether a missing database is an error.
  package var needsFile = false
  /// Whether symbolic links to databases are refused.
  package var refusesLinks = false
  /// The maximum size of a database in memory, in bytes; 0 for no limit.
  package var greatestSize: Int64 = 0

  /// The VFS to open with; nil for the default.
  package var vfs: String?
  /// Prepares each new connection before any other code uses it.
  package var preparations: [(Connection, Session) throws -> Void] = []
  /// Called when another connection, or none, becomes the current one.
  package var currentDidChange: ((Connection?) -> Void)?

  init() {}

  /// The name of the current database; nil for a private temporary one.
  package var name: String? {
    get { slots[current].name }
    set { slots[current].name = newValue }
  }

  /// The current connection, if it has been opened.
  package var openConnection: Connection? { slots[current].connection }

  /// Names of all databases; nil for one without a name.
  package var names: [String?] { slots.map { $0.name } }

  /// Returns whether a slot other than the current one holds an open database.
  package func isOpen(_ index: Int) -> Bool { slots[index].connection != nil }

  /// Returns the current connection, and opens it if needed.
  ///
  /// The program ends if that fails.
  package func connection() throws -> Connection {
    if let connection = slots[current].connection { return connection }
    return try open(keepingAlive: false)
  }

  /// Opens a database in place of the current one.
  ///
  /// If that fails, an in-memory one takes its place.
  package func open(_ path: String?, _ manner: Manner = .byContent) throws {
    close()
    self.manner = manner
    name = path
    _ = try open(keepingAlive: true)
  }

  /// Closes the current database and opens it again by the same name.
  package func reopen() throws { try open(name) }

  private func open(keepingAlive: Bool) throws -> Connection {
    guard let session else { throw SessionExit(code: 1) }
    let connection: Connection
    do throws(SQLiteError) {
      let opened = try connect()
      try install(on: opened, session)
      connection = opened
    } catch {
      session.errors.print("Error: unable to open database \"\(name ?? "")\": \(error.message)")
      guard keepingAlive else { throw SessionExit(code: 1) }
      connection = try Connection(":memory:")
      if Dialect.current.saysSubstitute {
        session.errors.print("Notice: using substitute in-memory database instead of \"\(name ?? "")\"")
        try install(on: connection, session)
      }
    }
    slots[current].connection = connection
    if Dialect.current.hasSafeDefaults {
      connection.set("trusted_schema", session.settings.allowsUnsafeTests)
      connection.set("defensive", !session.settings.allowsUnsafeTests)
    }
    try fill(connection)
    if session.settings.safeModeReturns { session.guardSafety(of: connection) }
    connection.allowExtensions()
    for prepare in preparations { try prepare(connection, session) }
    currentDidChange?(connection)
    for observer in session.observers { observer.connectionDidOpen(connection, in: session) }
    return connection
  }

  /// Gives a connection the shell's functions and virtual tables.
  private func install(on connection: Connection, _ session: Session) throws(SQLiteError) {
    let selection: ExtensionTable.Selection = session.settings.safeModeReturns ? .withoutArchives : .all
    let output = session.output
    try ExtensionTable.install(on: connection, selection) { line in
      output.write(line)
      output.write("\n")
    }
  }

  /// Closes the current database.
  ///
  /// It is opened again when it is next needed.
  package func close() { close(current) }

  /// Closes the database of a slot.
  ///
  /// It is opened again when it is next needed.
  package func close(_ index: Int) {
    guard let connection = slots[index].connection else { return }
    if let session {
      for observer in session.observers { observer.connectionWillClose(connection, in: session) }
    }
    if index == current { currentDidChange?(nil) }
    slots[index].connection = nil
    connection.close()
  }

  /// Makes the database of a slot the current one.
  package func select(_ index: Int) {
    current = index
    currentDidChange?(openConnection)
  }

  func closeAll() {
    for index in slots.indices { close(index) }
  }
}
