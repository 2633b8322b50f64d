import Replicator
import Shell

/// Shows and steers the mirror.
struct MirrorCommand: DotCommand {
  static let spec = CommandSpec(
    name: "mirror", shortest: 2, usage: "?CMD? ?OPTIONS?",
    summary: "Mirror the database to S3 or a directory",
    details: [
      "   status [--json]        Replica, last mirrored transaction, lag, last error",
      "   on URL [--new-generation] [--unfenced]",
      "                          Start; URL is s3://bucket/prefix or file:///directory.",
      "                          --new-generation leaves behind what the replica holds",
      "                          and this database lacks; --unfenced takes a store that",
      "                          ignores conditional writes for -durability sync",
      "   check [--json] [URL]   Try what is configured and all that is asked of the store",
      "   off                    Stop, once everything is uploaded",
      "   sync                   Wait until everything committed is in the store",
      "   snapshot               Write a new base now",
      "   list [--json]          Generations and what can be restored from them",
      "   log [--since T] [--until T] [--grep RE] [--json] [--from URL]",
      "                          Statements with time, transaction, rows and duration",
      "   diff [FROM [TO]] [TABLE...] [--summary|--sql|--json] [--changeset FILE] [--from URL]",
      "                          Rows that differ; without moments those of the last",
      "                          transaction. A moment is 17, 'before 17', 21:50, -5m, ...",
      "   history TABLE [KEY | WHERE ...] [--from URL]",
      "                          Each version of rows, with transaction and statements",
      "   bisect QUERY [FROM [TO]] [--all] [--from URL]",
      "                          The first transaction after which the answer changed",
      "   undo N [--dry-run] [--force|--skip]",
      "                          Take transaction N back as a new transaction",
      "   attach MOMENT AS NAME [--from URL]",
      "                          Attach the database as it was, read-only",
      "   prune --keep DURATION [--dry-run]",
      "                          Delete history older than 30d, 12h, ...",
      "   verify [--all] [--from URL]",
      "                          Read the newest generation back, or all, and prove it",
      "   export litestream URL [--from URL] [--to-txn N] [--to-time T]",
      "                          Write what litestream restore (0.5) reads",
    ],
    correction:
      ".mirror status|on|off|sync|check|snapshot|list|log|diff|history|bisect|undo|attach|prune|verify|export",
    isSafe: false,
    completions: [
      "status", "on", "off", "sync", "check", "snapshot", "list", "log", "diff", "history", "bisect", "undo",
      "attach", "prune",
      "verify", "export",
      "--json", "--new-generation", "--unfenced", "--since", "--until", "--grep", "--from", "--keep",
      "--dry-run",
      "--all", "--to-txn", "--to-time", "--summary", "--sql", "--changeset", "--force", "--skip",
    ])

  private enum Action {
    case status(json: Bool)
    case on(url: String, newGeneration: Bool, isUnfenced: Bool)
    case off
    case sync
    case snapshot
    case list(json: Bool)
    case log(MirrorLog.Options)
    case check(url: String?, json: Bool)
    case verify(from: String?, all: Bool)
    case prune(keep: Double, dryRun: Bool)
    case export(MirrorExport.Options)
    case diff(MirrorDiff.Options)
    case undo(MirrorUndo.Options)
    case history(MirrorRowHistory.Options)
    case bisect(MirrorBisect.Options)
    case attach(MirrorAttach)
  }
  private let action: Action

  init(parsing words: inout Words) throws(CommandError) {
    switch words.optional() ?? "status" {
    case "status": action = .status(json: try Self.json(&words))
    case "list": action = .list(json: try Self.json(&words))
    case "log": action = .log(try MirrorLog.Options(parsing: &words))
    case "verify": action = try Self.verify(&words)
    case "prune": action = try Self.prune(&words)
    case "check": action = try Self.check(&words)
    case "export": action = .export(try MirrorExport.Options(parsing: &words))
    case "diff": action = .diff(try MirrorDiff.Options(parsing: &words))
    case "history": action = .history(try MirrorRowHistory.Options(parsing: &words))
    case "bisect": action = .bisect(try MirrorBisect.Options(parsing: &words))
    case "undo": action = .undo(try MirrorUndo.Options(parsing: &words))
    case "attach": action = .attach(try MirrorAttach(parsing: &words))
    case "off": action = .off
    case "sync": action = .sync
    case "snapshot": action = .snapshot
    case "on": action = try Self.on(&words)
    default: throw .usage
    }
    try words.finish()
  }

  private static func json(_ words: inout Words) throws(CommandError) -> Bool {
    guard let word = words.optional() else { return false }
    guard word == "--json" || word == "-json" else { throw .usage }
    return true
  }

  private static func on(_ words: inout Words) throws(CommandError) -> Action {
    var url: String?
    var (newGeneration, isUnfenced) = (false, false)
    while let word = words.optional() {
      switch word {
      case "--new-generation", "-new-generation": newGeneration = true
      case "--unfenced", "-unfenced": isUnfenced = true
      default:
        guard url == nil, !word.hasPrefix("-") else { throw .usage }
        url = word
      }
    }
    guard let url else { throw .usage }
    return .on(url: url, newGeneration: newGeneration, isUnfenced: isUnfenced)
  }

  private static func check(_ words: inout Words) throws(CommandError) -> Action {
    var url: String?
    var json = false
    while let word = words.optional() {
      if word == "--json" || word == "-json" {
        json = true
      } else if url == nil, !word.hasPrefix("-") {
        url = word
      } else {
        throw .usage
      }
    }
    return .check(url: url, json: json)
  }

  private static func verify(_ words: inout Words) throws(CommandError) -> Action {
    var from: String?
    var all = false
    while let word = words.optional() {
      switch word {
      case "--all", "-all": all = true
      case "--from", "-from": from = try words.required()
      default: throw .usage
      }
    }
    return .verify(from: from, all: all)
  }

  private static func prune(_ words: inout Words) throws(CommandError) -> Action {
    var keep: Double?
    var dryRun = false
    while let word = words.optional() {
      switch word {
      case "--dry-run", "-dry-run": dryRun = true
      case "--keep", "-keep":
        let text = try words.required()
        guard let seconds = Duration.seconds(text) else {
          throw .message("Error: not a duration: \"\(text)\" (30d, 12h, 90m, 45s or 2w)")
        }
        keep = seconds
      default: throw .usage
      }
    }
    guard let keep else { throw .usage }
    return .prune(keep: keep, dryRun: dryRun)
  }

  func run(in session: Session) throws {
    guard let observer = session.observer(MirrorSession.self) else { throw CommandError.usage }
    let failure = observer.failure
    do {
      try perform(session, observer)
    } catch {
      throw observer.shortened(error, because: observer.failure ?? failure)
    }
  }

  private func perform(_ session: Session, _ observer: MirrorSession) throws {
    switch action {
    case .status(let json):
      MirrorReport(session).print(
        observer.status(
          of: session.database.name, isOpen: session.database.openConnection != nil), json: json)
    case .list(let json):
      try MirrorListing(observer.store(nil, for: session.database.name), observer).print(
        to: session, json: json)
    case .on(let url, let newGeneration, let isUnfenced):
      try observer.begin(url, on: session.connection, newGeneration: newGeneration, isUnfenced: isUnfenced)
    case .check(let url, let json): try MirrorCheck(session: session, observer: observer).run(url, json: json)
    case .log(let options):
      // What was committed just now is wanted too.
      if options.from == nil, let mirror = observer.mirror, mirror.isOn {
        try mirror.flush(seconds: observer.settings.flushTimeout)
      }
      try MirrorLog(session, observer, options).print()
    case .export(let options):
      try MirrorExport(session: session, observer: observer, options: options).run()
    case .diff(let options):
      try MirrorDiff(session: session, observer: observer, options: options).run()
    case .undo(let options):
      try MirrorUndo(session: session, observer: observer, options: options).run()
    case .history(let options):
      try MirrorRowHistory(session: session, observer: observer, options: options).run()
    case .bisect(let options):
      try MirrorBisect(session: session, observer: observer, options: options).run()
    case .attach(let command): try command.run(in: session, observer)
    case .off: try observer.turnOff()
    case .sync:
      // Before the database is opened nothing can be left to mirror.
      if observer.isWaiting(for: session) { return }
      let mirror = try running(observer)
      try observer.showing("mirror", mirror) { try mirror.flush(seconds: observer.settings.flushTimeout) }
    case .verify(let from, let all):
      try MirrorVerification(session: session, observer: observer, from: from, isForAll: all).run()
    case .snapshot:
      let mirror = try running(observer)
      try observer.showing("base", mirror) { try mirror.snapshot() }
    case .prune(let keep, let dryRun):
      let done = try running(observer).prune(keeping: keep, dryRun: dryRun)
      for notice in done.notices { session.errors.tell("Warning: \(notice)") }
      session.output.write(
        "\(dryRun ? "would delete" : "deleted") \(done.objects.count) objects, \(done.byteCount) bytes: "
          + "\(done.generations.count) generations, \(done.bases) bases\n")
    }
  }

  private func running(_ observer: MirrorSession) throws -> ReplicationObserver {
    if let error = observer.configurationError { throw CommandError.message("Error: \(error)") }
    guard let mirror = observer.mirror else {
      throw CommandError.message("Error: nothing is mirrored: use .mirror on URL")
    }
    if !mirror.isOn {
      throw CommandError.message("Error: the mirror is off: \(mirror.status().lastError ?? "")")
    }
    return mirror
  }
}
