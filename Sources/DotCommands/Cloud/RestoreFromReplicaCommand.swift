import Files
import ObjectStore
import Replicator
import Restore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Shell

/// `.restore wal`, `.restore sql` and `.restore all`: restores databases from replicas.
///
/// Other forms of `.restore` are sqlite3's.
struct RestoreFromReplicaCommand: DotCommand {
  static let spec = CommandSpec(
    name: "restore", shortest: 3, usage: "wal|sql|all ?OPTIONS?",
    summary: "Restore the database from its mirror",
    details: [
      "   wal                    Restore from base and write-ahead log",
      "   sql                    Restore from base and statements, which run again",
      "   all                    Restore every database whose replica is below a URL, with",
      "                          --from URL and --output FOLDER",
      " Options:",
      "   --from URL             Read another replica than the configured one; with wal",
      "                          also Litestream's: litestream:s3://bucket/path",
      "   --to-txn N             Restore the state after transaction N",
      "   --to-time ISO8601      Restore the state at a time (UTC unless it has a zone)",
      "   --as-of MOMENT         Restore the state at a moment: 17, 'before 17', 21:50, -5m,",
      "                          'yesterday 14:00'; the two options above take it too",
      "   --before N             Restore the state before transaction N",
      "   --generation ID        Restore from another generation than the newest",
      "   --output FILE          Write another file than the open database",
      "   --force                Replace a database that is not empty",
      "   --verify               Restore both ways, compare, and check before replacing",
      "   --no-verify            With sql: do not compare with the state from the log",
      "   --dry-run              Only print what would be done",
      "   --allow-shorter        Restore the rest if the end of the log was lost",
      "   --follow               With wal and --output: keep FILE current until Ctrl-C,",
      "                          while other programs read it",
      " A file that is really called wal, sql or all: write ./wal",
    ],
    correction: """
      .restore wal|sql [--from URL] [--to-txn N | --to-time ISO8601]
                     [--as-of MOMENT | --before N] [--generation ID] [--output FILE] [--force] [--dry-run]
                     [--verify | --no-verify] [--allow-shorter] [--follow]
             .restore all --from URL --output FOLDER [--force] [--verify] [--dry-run] [--to-time ISO8601]
             .restore ?DB? FILE
      """,
    isSafe: false,
    completions: ["wal", "sql", "all"])

  struct Options {
    let source: Restore.Source
    var from: String?
    var output: String?
    var force = false
    var verify = false
    /// Whether statements are replayed without a comparison.
    var unproven = false
    var dryRun = false
    /// Whether a log whose end was lost is restored up to its end.
    var allowsShorter = false
    var follow = false
    /// Whether every database below a URL is restored.
    var isAll = false
    var target = RestoreTarget()
  }

  private let options: Options?
  /// sqlite3's own form.
  private let other: RestoreCommand?

  init(parsing words: inout Words) throws(CommandError) {
    let isAll = words.peek == "all"
    guard let source = isAll ? .wal : words.peek.flatMap({ Restore.Source(rawValue: $0) }) else {
      other = try Self.sqliteForm(&words)
      options = nil
      return
    }
    _ = words.optional()
    var options = Options(source: source)
    options.isAll = isAll
    while let word = words.optional() {
      switch word.hasPrefix("--")
        ? String(word.dropFirst(2)) : word.hasPrefix("-") ? String(word.dropFirst()) : ""
      {
      case "from": options.from = try words.required()
      case "output": options.output = try words.required()
      case "force": options.force = true
      case "verify": options.verify = true
      case "no-verify": options.unproven = true
      case "dry-run": options.dryRun = true
      case "allow-shorter": options.allowsShorter = true
      case "follow": options.follow = true
      case "to-txn", "to-time", "as-of":
        options.target.take(try MomentWords.moment(words.required()))
      case "before":
        options.target.take(try MomentWords.moment("before \(words.required())"))
      case "generation":
        let text = try words.required()
        guard let generation = GenerationID(text) else {
          throw .message("Error: not a generation: \(text): .mirror list shows them")
        }
        options.target.generation = generation
      default: throw .message("Error: unknown option: \(word)\nUsage: \(Self.spec.correction)")
      }
    }
    if options.unproven, options.verify || options.source == .wal {
      throw .message("Error: --no-verify works only with sql and without --verify")
    }
    if isAll {
      guard options.from != nil, options.output != nil, options.target.generation == nil, !options.follow
      else {
        throw .message("Error: .restore all needs --from URL and --output FOLDER")
      }
    }
    if options.follow {
      guard options.source == .wal, options.output != nil, !options.verify, !options.dryRun,
        !options.allowsShorter, options.target == RestoreTarget()
      else { throw .message("Error: --follow works only with wal, --output FILE, --from URL and --force") }
    }
    self.options = options
    other = nil
  }

  private static func sqliteForm(_ words: inout Words) throws(CommandError) -> RestoreCommand {
    let isAlone = words.peek == nil
    do throws(CommandError) {
      return try RestoreCommand(parsing: &words)
    } catch {
      guard error == .usage else { throw error }
      // If there are too many words, the usage is sqlite3's own.
      throw .message("Usage: \((isAlone ? spec : RestoreCommand.spec).correction)")
    }
  }

  func run(in session: Session) throws {
    if let other { return try other.run(in: session) }
    guard let options, let observer = session.observer(MirrorSession.self) else { return }
    if options.isAll, let folder = options.output {
      return try RestoreAll(session: session, observer: observer, options: options).run(into: folder)
    }
    let openPath = session.database.openConnection?.fileName() ?? session.database.name
    let path = openPath.flatMap { $0.isEmpty || $0 == ":memory:" ? nil : $0 }
    guard let output = options.output ?? path else {
      throw CommandError.message("Error: no database file is open: name one with --output FILE")
    }
    if let place = options.from.flatMap({ LitestreamURL.place(in: $0) }) {
      return try run(
        RestoreFromLitestream(session: session, observer: observer, place: place, options: options),
        in: session, to: output, isOpen: isOpen(output, path))
    }
    if options.follow {
      guard !isOpen(output, path) else {
        throw CommandError.message("Error: \(output) is open here: name another file with --output FILE")
      }
      var follower = Follower(
        ReplicaCatalog(try observer.store(options.from, for: path ?? output)), output: output)
      follower.force = options.force
      follower.patience = observer.patience
      follower.isInterrupted = observer.isInterrupted
      return try RestoreReport(session).print(following: follower)
    }
    var restore = Restore(ReplicaCatalog(try observer.store(options.from, for: path ?? output)))
    restore.force = options.force
    restore.verifies = options.verify
    restore.proves = !options.unproven
    restore.allowsShorter = options.allowsShorter
    restore.target = options.target
    restore.patience = observer.patience
    restore.isInterrupted = observer.isInterrupted
    if options.dryRun {
      return RestoreReport(session).print(plan: try restore.plan(options.source, to: output), output)
    }
    let isOpen = isOpen(output, path)
    if isOpen, session.database.openConnection != nil { try restore.check(output) }
    let report = try replacing(isOpen ? output : nil, in: session, observer) {
      try session.progress.during("restore", when: session.isInteractive) { watch in
        restore.watch = watch
        let report = try restore.run(options.source, to: output)
        observer.restored = (
          output, restore.catalog.store.url,
          MirrorSettings.Restored(generation: report.generation, transaction: report.transaction)
        )
        return report
      }
    }
    RestoreReport(session).print(report, output)
  }

  private func run(
    _ command: RestoreFromLitestream, in session: Session, to output: String, isOpen: Bool
  ) throws {
    try command.check()
    var restore = try command.restore()
    if command.options.dryRun { return command.print(plan: try restore.plan(to: output), output) }
    if isOpen, session.database.openConnection != nil { try restore.check(output) }
    let report = try replacing(isOpen ? output : nil, in: session, command.observer) {
      try session.progress.during("restore", when: session.isInteractive) { watch in
        restore.watch = watch
        return try restore.run(to: output)
      }
    }
    command.print(report, output)
  }

  /// Returns whether the output is the open database, by any name.
  private func isOpen(_ output: String, _ path: String?) -> Bool {
    guard let path, output != path else { return path != nil }
    return Folder.canonical(output).map { $0 == Folder.canonical(path) } ?? false
  }

  /// Restores into `open`, if that is the open database: closes it, replaces it, and opens it again
  /// in any case.
  private func replacing<Report>(
    _ open: String?, in session: Session, _ observer: MirrorSession, _ restore: () throws -> Report
  ) throws -> Report {
    guard let open, let connection = session.database.openConnection else { return try restore() }
    guard connection.isInAutocommit else {
      throw CommandError.message(
        "Error: restore \(open): a transaction is open: end it with COMMIT or ROLLBACK")
    }
    let losses = SessionLosses(connection)
    observer.isReplacing = true
    session.database.close()
    observer.isReplacing = false
    let report = Result { try restore() }
    try session.database.reopen()
    losses.print(to: session)
    return try report.get()
  }
}

/// The parts of a connection that are lost when it is closed.
private struct SessionLosses {
  private var attached: [String] = []
  private var temporary: [String] = []

  init(_ connection: Connection) {
    for row in (try? connection.rows("PRAGMA database_list")) ?? [] {
      guard case .text(let name) = row[1], name != "main", name != "temp" else { continue }
      let file = if case .text(let file) = row[2], !file.isEmpty { " (\(file))" } else { "" }
      attached.append(name + file)
    }
    let kinds = "'table', 'view', 'trigger'"
    for row in (try? connection.rows("SELECT name FROM temp.sqlite_schema WHERE type IN (\(kinds))")) ?? [] {
      if case .text(let name) = row[0] { temporary.append(name) }
    }
  }

  func print(to session: Session) {
    if !attached.isEmpty {
      session.errors.tell("-- detached: \(attached.joined(separator: ", ")): use ATTACH again")
    }
    if !temporary.isEmpty { session.errors.tell("-- TEMP dropped: \(temporary.joined(separator: ", "))") }
  }
}
