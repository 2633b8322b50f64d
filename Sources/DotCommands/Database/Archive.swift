internal import Bytes
internal import Extensions
internal import SQLite
internal import Shell

/// The error that ended work on an archive, for standard error if it was not printed yet.
struct ArchiveFailure: Error {
  var message: String?
  var code: Int32 = 1
}

/// An open archive: the table `sqlar` of a database, or a ZIP file.
struct Archive {
  private let connection: Connection
  private let options: ArchiveOptions
  private let isZip: Bool
  private let session: Session
  /// The source of members; none if they are only written.
  private var table = ""

  init(_ connection: Connection, _ options: ArchiveOptions, isZip: Bool, in session: Session) {
    self.connection = connection
    self.options = options
    self.isZip = isZip
    self.session = session
    if !isZip {
      table = "sqlar"
    } else if options.task == .extract || options.task == .list {
      table = options.file.map { "zipfile(\(SQLText.literal($0)))" } ?? "zip"
    }
  }

  func run() throws {
    if !isZip && options.task != .create && !connection.hasColumn("name", in: "sqlar") {
      throw ArchiveFailure(message: "database does not contain an 'sqlar' table")
    }
    switch options.task {
    case .create: try write(isNew: true, onlyChanged: false)
    case .insert: try write(isNew: false, onlyChanged: false)
    case .update, nil: try write(isNew: false, onlyChanged: true)
    case .extract: try extract()
    case .list: try list()
    case .remove: try remove()
    case .help: break
    }
  }

  // MARK: Reading

  private func list() throws {
    let columns =
      options.isVerbose ? "lsmode(mode), sz, datetime(mtime, 'unixepoch'), name" : "name"
    let condition = try condition()
    let statement = try prepare("SELECT \(columns) FROM \(table) WHERE \(condition)")
    if options.isDryRun { return session.output.print(statement.sql) }
    try eachRow(of: statement) { row in
      func text(_ column: Int) -> String { row.text(at: column) ?? "(null)" }
      guard options.isVerbose else { return session.output.print(text(0)) }
      let size = Int32(truncatingIfNeeded: row.integer(at: 1))
      let number = (size < 0 ? "" : " ") + String(size)
      let padding = String(repeating: " ", count: max(0, 10 - number.utf8.count))
      session.output.print("\(text(0)) \(padding)\(number)  \(text(2))  \(text(3))")
    }
  }

  private func extract() throws {
    let condition = try condition()
    let folder = options.folder.map { $0 + "/" } ?? ""
    let data = isZip ? "data" : "sqlar_uncompress(data, sz)"
    try ArchiveExtraction.guarded(connection, folder: folder.preservedBytes) {
      let statement = try prepare(
        "SELECT  ($dir || name), writefile(($dir || name), \(data), mode, mtime) FROM \(table)"
          + " WHERE (\(condition)) AND (data IS NULL OR $dirOnly = 0) AND name NOT GLOB '*..[/\\]*'")
      for (index, name) in (1...statement.parameterCount).map({ ($0, statement.parameterName(at: $0)) })
      where name == "$dir" {
        try statement.bind(.text(folder), at: index)
      }
      let onlyFolders = (1...statement.parameterCount).first {
        statement.parameterName(at: $0) == "$dirOnly"
      }
      // Folders come again at the end, because writing into them changed their times.
      for pass in 0..<2 {
        if let onlyFolders { try statement.bind(.integer(Int64(pass)), at: onlyFolders) }
        if options.isDryRun {
          session.output.print(statement.sql)
          continue
        }
        try eachRow(of: statement) { row in
          if pass == 0 && options.isVerbose { session.output.print(row.text(at: 0) ?? "(null)") }
        }
        statement.reset()
      }
    }
  }

  private func remove() throws {
    let condition = try condition(orNone: "")
    try execute("DELETE FROM \(table) WHERE \(condition);")
  }

  /// Returns the condition for the named members; an error if one is missing.
  private func condition(orNone: String = "1") throws -> String {
    guard !options.names.isEmpty else { return orNone }
    let comparison = options.usesGlob ? "GLOB" : "="
    let names = options.names.map { String($0.reversed().drop { $0 == "/" }.reversed()) }
    let test = options.usesGlob ? "glob($name,name)" : "name = $name"
    do {
      let statement = try prepare("SELECT name FROM \(table) WHERE \(test)")
      for name in names {
        try statement.bind(.text(name), at: 1)
        var isThere = false
        do throws(SQLiteError) { isThere = try statement.step() } catch {
          throw ArchiveFailure(message: "SQL error: \(error.message)", code: error.code.primary.rawValue)
        }
        statement.reset()
        if !isThere { throw ArchiveFailure(message: "not found in archive: \(name)") }
      }
    } catch {
      if options.task == .list && options.isDryRun { session.output.print("(null)") }
      throw error
    }
    return names.map { name in
      let length = name.unicodeScalars.isEmpty ? 1 : name.preservedBytes.count + 1
      return " name \(comparison) \(SQLText.literal(name)) OR substr(name,1,\(length)) \(comparison)"
        + " \(SQLText.literal(name + "/"))"
    }.joined(separator: " OR ")
  }

  private func eachRow(of statement: Statement, _ body: (Statement) -> Void) throws {
    do throws(SQLiteError) {
      while try statement.step() { body(statement) }
    } catch {
      throw ArchiveFailure(message: "SQL error: \(error.message)", code: error.code.primary.rawValue)
    }
  }

  private func prepare(_ sql: String) throws -> Statement {
    do throws(SQLiteError) {
      return try connection.prepare(sql)
    } catch {
      try session.checkSafety()
      let code = error.code.primary.rawValue
      throw ArchiveFailure(message: "sql error: \(error.message) (\(code))", code: code)
    }
  }

  // MARK: Writing

  private func write(isNew: Bool, onlyChanged: Bool) throws {
    try execute("PRAGMA page_size=512")
    try execute("SAVEPOINT ar;")
    var target = "sqlar"
    do {
      if isZip {
        target = "zip"
        if let file = options.file {
          target += Self.randomDigits()
          try execute("CREATE VIRTUAL TABLE temp.\(target) USING zipfile(\(SQLText.literal(file)))")
        }
      } else {
        if isNew { try execute("DROP TABLE IF EXISTS sqlar") }
        try execute(Self.schema)
      }
      for name in options.names { try execute(insertion(of: name, into: target, onlyChanged)) }
    } catch {
      if !options.isDryRun { try? connection.execute("ROLLBACK TO ar; RELEASE ar;") }
      throw error
    }
    try execute("RELEASE ar;")
    if isZip && options.file != nil { try execute("DROP TABLE \(target)") }
  }

  private static let schema = """
    CREATE TABLE IF NOT EXISTS sqlar(
      name TEXT PRIMARY KEY,  -- name of the file
      mode INT,               -- access permissions
      mtime INT,              -- last modification time
      sz INT,                 -- original file size
      data BLOB               -- compressed content
    )
    """

  private func insertion(of name: String, into target: String, _ onlyChanged: Bool) -> String {
    let columns = isZip ? "name,mode,mtime,data" : "name,mode,mtime,sz,data"
    let content =
      isZip
      ? "    data"
      : """
          CASE substr(lsmode(mode),1,1)
            WHEN '-' THEN length(data)
            WHEN 'd' THEN 0
            ELSE -1 END,
          sqlar_compress(data)
      """
    let unchanged =
      onlyChanged
      ? " AND NOT EXISTS(SELECT 1 FROM \(target) AS mem WHERE mem.name=disk.name"
        + " AND mem.mtime=disk.mtime AND mem.mode=disk.mode)" : ""
    let folder = options.folder.map(SQLText.literal) ?? "NULL"
    return """
      REPLACE INTO \(target)(\(columns))
        SELECT
          \(options.isVerbose ? "shell_putsnl(name)" : "name"),
          mode,
          mtime,
      \(content)
        FROM fsdir(\(SQLText.literal(name)),\(folder)) AS disk
        WHERE lsmode(mode) NOT LIKE '?%'\(unchanged);
      """
  }

  /// Returns random digits for the name of a table, so that no other table has it.
  private static func randomDigits() -> String {
    let digits = String(UInt64.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private func execute(_ sql: String) throws {
    if options.isDryRun { return session.output.print(sql) }
    do throws(SQLiteError) {
      try connection.execute(sql)
    } catch {
      // This goes neither to standard error nor to the results.
      session.output.printToStandardOutput("ERROR: \(error.message)")
      throw ArchiveFailure(code: error.code.primary.rawValue)
    }
  }
}
