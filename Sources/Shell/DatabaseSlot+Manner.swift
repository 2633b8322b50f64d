internal import Bytes
internal import Files
internal import SQLite

extension DatabaseSlot {
  /// The way to open a database.
  package enum Manner: Sendable {
    /// As a file, or as the end of a file if its content shows that.
    case byContent
    case readOnly
    /// At the end of another file's content.
    case appended
    /// As a ZIP archive, through the virtual table `zip` of a database in memory.
    case zip
    /// As a copy of the file in memory.
    case copied
    /// As a copy in memory of hexadecimal text in a file.
    case hexadecimal
  }

  /// Opens the current database's file, or no file if its content is copied.
  func connect() throws(SQLiteError) -> Connection {
    if case .byContent = manner, let name, !name.isEmpty, Connection.holdsAppendedDatabase(name) {
      manner = .appended
    }
    if case .byContent = manner, let name, !name.isEmpty,
      Connection.holdsArchive(name, byName: makesArchives)
    {
      manner = .zip
    }
    // A connection stays on its thread, so it needs no lock.
    var flags: Connection.OpenFlags = [.uri, .noMutex]
    if refusesLinks { flags.insert(.noFollow) }
    switch manner {
    case .byContent:
      return try Connection(
        name ?? "", flags.union(needsFile ? [.readWrite] : [.readWrite, .create]), vfs: vfs)
    case .readOnly: return try Connection(name ?? "", flags.union(.readOnly), vfs: vfs)
    case .appended:
      let flags = flags.subtracting(.uri).union(needsFile ? [.readWrite] : [.readWrite, .create])
      return try Connection(name ?? "", flags, vfs: Connection.appendedFiles)
    case .zip: return try Connection(":memory:")
    case .copied, .hexadecimal: return try Connection("")
    }
  }

  /// Fills a new connection if its content is copied.
  func fill(_ connection: Connection) throws {
    guard let session else { return }
    do throws(SQLiteError) {
      switch manner {
      // As in sqlite3, a table that cannot be made is missing.
      case .zip:
        try? connection.execute("CREATE VIRTUAL TABLE zip USING zipfile(\(SQLText.literal(name ?? "")))")
      case .copied where Dialect.current.deserializesOnlyContent:
        guard let name, let file = try? FileInfo.of(name) else { return }
        if file.isFolder { return session.errors.print("Error: out of memory") }
        if file.size == 0 { return session.errors.print("Error: cannot read '\(name)'") }
        try connection.deserialize(file: name, greatestSize: greatestSize)
      case .copied: try connection.deserialize(file: name ?? "", greatestSize: greatestSize)
      case .hexadecimal:
        guard let content = HexadecimalDatabase(in: session, file: name)?.content else { return }
        try connection.deserialize(content, greatestSize: greatestSize)
      default: break
      }
    } catch {
      session.errors.print("Error: \(error.message)")
    }
  }
}
