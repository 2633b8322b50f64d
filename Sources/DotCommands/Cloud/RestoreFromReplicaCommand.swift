import Files
import Restore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Shell

/// Brings the database back from a replica; other forms of `.restore` are sqlite3's.
struct RestoreFromReplicaCommand: DotCommand {
  static let spec = CommandSpec(
    name: "restore", shortest: 3, usage: "wal|sql ?OPTIONS?", summary: "Restore the database from its mirror",
    details: [
      "   wal                    From base and write-ahead log",
      "   sql                    From base and re-executed statements",
      " Options:",
      "   --from URL             Another replica than the configured one",
      "   --to-txn N             The state after transaction N",
      "   --to-time ISO8601      The state at a time (UTC unless it has a zone)",
      "   --generation ID        Another generation than the newest",
      "   --output FILE          Another file than the open database",
      "   --force                Replace a database that is not empty",
      "   --verify               Restore both ways, compare, and check before replacing",
      "   --dry-run              Only tell what would be done",
      "   --follow               With wal and --output: keep FILE current, for programs",
      "                          that read it, until Ctrl-C",
      " A file that is really called wal or sql: write ./wal",
    ],
    correction:
      ".restore wal|sql [--from URL] [--output FILE] [--force] [--verify] [--dry-run] [--follow] ...",
    isSafe: false,
    completions: ["wal", "sql"])

  private struct Options {
    let source: Restore.Source
    var from: String?
    var output: String?
    var force = false
    var verify = false
    var dryRun = false
    var follow = false
    var target = RestoreTarget()
  }

  private let options: Options?
  /// sqlite3's own form.
  private let other: RestoreCommand?

  init(parsing words: inout Words) throws(CommandError) {
    guard let source = words.peek.flatMap({ Restore.Source(rawValue: $0) }) else {
      other = try Self.sqliteForm(&words)
      options = nil
      return
    }
    _ = words.optional()
    var options = Options(source: source)
    while let word = words.optional() {
      switch word.hasPrefix("--")
        ? String(word.dropFirst(2)) : word.hasPrefix("-") ? String(word.dropFirst()) : ""
      {
      case "from": options.from = try words.required()
      case "output": options.output = try words.required()
      case "force": options.force = true
      case "verify": options.verify = true
      case "dry-run": options.dryRun = true
      case "follow": options.follow = true
      case "to-txn":
        let text = try words.required()
        guard let number = UInt64(text) else {
          throw .message("Error: not a transaction number: \(text)")
        }
        options.target.transaction = number
      case "to-time":
        let text = try words.required()
        guard let time = ISOTime.parse(text) else {
          throw .message("Error: not a time: \(text): write it as 2026-01-31T13:45:00Z")
        }
        options.target.time = time
      case "generation":
        let text = try words.required()
        guard let generation = GenerationID(text) else {
          throw .message("Error: not a generation: \(text): .mirror list shows them")
        }
        options.target.generation = generation
      default: throw .message("Error: unknown option: \(word)\nUsage: \(Self.spec.correction)")
      }
    }
    if options.follow {
      guard options.source == .wal, options.output != nil, !options.verify, !options.dryRun,
        options.target == RestoreTarget()
      else { throw .message("Error: --follow goes with wal, --output FILE, --from URL and --force alone") }
    }
    self.options = options
    other = nil
  }

  private static func sqliteForm(_ words: inout Words) throws(CommandError) -> RestoreCommand {
    do throws(CommandError) {
      return try RestoreCommand(parsing: &words)
    } catch {
      guard error == .usage else { throw error }
      throw .message("Usage: \(RestoreCommand.spec.correction)")
    }
  }

  func run(in session: Session) throws {
    if let other { return try other.run(in: session) }
    guard let options, let observer = session.observer(MirrorSession.self) else { return }
    let openPath = session.database.openConnection?.fileName() ?? session.database.name
    let path = openPath.flatMap { $0.isEmpty || $0 == ":memory:" ? nil : $0 }
    guard let output = options.output ?? path else {
      throw CommandError.message("Error: no database file is open: name one with --output FILE")
    }
    if options.follow {
      guard options.output != path else {
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
    restore.target = options.target
    restore.patience = observer.patience
    restore.isInterrupted = observer.isInterrupted
    if options.dryRun {
      return RestoreReport(session).print(plan: try restore.plan(options.source, to: output), output)
    }
    func restored() throws -> Restore.Report {
      try session.progress.during("restore", when: session.isInteractive) { watch in
        restore.watch = watch
        return try restore.run(options.source, to: output)
      }
    }
    let isOpen = options.output == nil || options.output == path
    guard isOpen, session.database.openConnection != nil else {
      return RestoreReport(session).print(try restored(), output)
    }
    try restore.check(output)
    // The open database is closed, replaced, and opened again whatever came of it.
    session.database.close()
    let report = Result { try restored() }
    try session.database.reopen()
    RestoreReport(session).print(try report.get(), output)
  }
}
