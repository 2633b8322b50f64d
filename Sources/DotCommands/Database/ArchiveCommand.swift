internal import Extensions
internal import SQLite
internal import Shell

/// `.archive`: makes, lists, changes and extracts archives of SQLite and ZIP
/// (https://www.sqlite.org/cli.html#sqlite_archive_support).
struct ArchiveCommand: DotCommand {
  static let spec = CommandSpec(
    name: "archive", shortest: 2, usage: "...", summary: "Manage SQL archives",
    details: [
      "   Each command must have exactly one of the following options:",
      "     -c, --create               Create a new archive",
      "     -u, --update               Add or update files with changed mtime",
      "     -i, --insert               Like -u but always add even if unchanged",
      "     -r, --remove               Remove files from archive",
      "     -t, --list                 List contents of archive",
      "     -x, --extract              Extract files from archive",
      "   Optional arguments:",
      "     -v, --verbose              Print each filename as it is processed",
      "     -f FILE, --file FILE       Use archive FILE (default is current db)",
      "     -a FILE, --append FILE     Open FILE using the apndvfs VFS",
      "     -C DIR, --directory DIR    Read/extract files from directory DIR",
      "     -g, --glob                 Use glob matching for names in archive",
      "     -n, --dryrun               Show the SQL that would have occurred",
      "   Examples:",
      "     .ar -cf ARCHIVE foo bar  # Create ARCHIVE from files foo and bar",
      "     .ar -tf ARCHIVE          # List members of ARCHIVE",
      "     .ar -xvf ARCHIVE         # Verbosely extract files from ARCHIVE",
      "   See also:",
      "      http://sqlite.org/cli.html#sqlite_archive_support",
    ], isSafe: false)

  private let options: ArchiveOptions

  init(parsing words: inout Words) throws(CommandError) {
    let isOption = words.name.hasPrefix("-")
    guard !words.isEmpty else {
      throw .message(
        (["Wrong number of arguments.  Usage:"] + Self.spec.lines).joined(separator: "\n"))
    }
    do throws(ArchiveOptionError) {
      options = try ArchiveOptions(words.rest())
    } catch {
      let more = isOption ? "-A" : ".archive --help"
      throw .message("Error: \(error.message)\nUse \"\(more)\" for more help")
    }
  }

  func run(in session: Session) throws {
    if options.task == nil, Dialect.current.archiveNeedsCommand {
      throw CommandError.message(
        (["Required argument missing.  Usage:"] + Self.spec.lines).joined(separator: "\n"))
    }
    var isZip = false
    var isAppended = options.isAppended
    let connection: Connection
    if let file = options.file {
      let holdsDatabase = Connection.holdsAppendedDatabase(file)
      isZip = !isAppended && !holdsDatabase && Connection.holdsArchive(file, byName: true)
      isAppended = isAppended || holdsDatabase
      connection = isZip ? try session.connection : try open(file, isAppended: isAppended, session)
    } else {
      connection = try session.connection
      if case .zip = session.database.manner { isZip = true }
    }
    if options.task == .help {
      for line in Self.spec.lines { session.output.print(line) }
      return
    }
    let archive = Archive(connection, options, isZip: isZip, in: session)
    do {
      try archive.run()
    } catch let failure as ArchiveFailure {
      session.failureCode = failure.code
      throw failure.message.map(CommandError.message) ?? .silent
    }
  }

  /// Opens an archive other than the session's database.
  private func open(_ file: String, isAppended: Bool, _ session: Session) throws -> Connection {
    let isWritten =
      switch options.task {
      case .create, .insert, .update, .remove: true
      case .extract, .list, .help, nil: false
      }
    if options.isDryRun {
      session.output.print("-- open database '\(file)'\(isAppended ? " using 'apndvfs'" : "")")
    }
    do throws(SQLiteError) {
      let connection = try Connection(
        file, isWritten ? [.readWrite, .create] : .readOnly, vfs: isAppended ? Connection.appendedFiles : nil)
      let output = session.output
      try ExtensionTable.install(on: connection) { line in
        output.write(line)
        output.write("\n")
      }
      return connection
    } catch {
      session.failureCode = error.code.primary.rawValue
      throw CommandError.message("cannot open file: \(file) (\(error.message))")
    }
  }
}
