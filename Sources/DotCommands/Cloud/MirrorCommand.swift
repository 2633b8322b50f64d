import Replicator
import Shell

/// `.mirror`: shows and controls the mirror.
struct MirrorCommand: DotCommand {
  static let spec = CommandSpec(
    name: "mirror", shortest: 2, usage: "?CMD? ?OPTIONS?",
    summary: "Mirror the database to S3 or a directory",
    details: [
      "   status [--json]        Show replica, last stored transaction, lag, last error",
      "   on URL [--new-generation] [--unfenced]",
      "                          Start the mirror. URL: s3://bucket/prefix or file:///dir",
      "      --new-generation    Abandon transactions that the database lacks",
      "      --unfenced          Allow -durability sync with a store that ignores",
      "                          conditional writes",
      "   check [--json] [URL]   Try the settings and every operation of the store",
      "   off                    Stop the mirror when everything is stored",
      "   sync                   Wait until everything committed is stored",
      "   snapshot               Write a new base now",
      "   list [--json]          List generations and what can be restored from them",
      "   log [--since T] [--until T] [--grep RE] [--json] [--from URL]",
      "                          List statements with time, transaction, rows, duration",
      "   diff [FROM [TO]] [TABLE...] [--summary|--sql|--json] [--changeset FILE] [--from URL]",
      "   diff --files OLD NEW [TABLE...] [--summary|--sql|--json] [--changeset FILE]",
      "                          Show rows that differ; without moments, those of the last",
      "                          transaction. A moment is 17, 'before 17', 21:50, -5m, ...",
      "                          OLD and NEW are two database files",
      "   history TABLE [KEY | WHERE ...] [--from URL]",
      "                          Show versions of rows, with transaction and statements",
      "   bisect QUERY [FROM [TO]] [--all] [--from URL]",
      "                          Find the first transaction that changed the answer",
      "   when QUERY [FROM [TO]] [--from URL]",
      "                          Print every answer, with the first transaction that gives it",
      "   undo N [--dry-run] [--force|--skip]",
      "                          Undo transaction N with a new transaction",
      "   attach MOMENT AS NAME [--from URL]",
      "                          Attach the database as it was, read-only",
      "   prune --keep DURATION [--dry-run]",
      "                          Delete history older than 30d, 12h, 2w and so on",
      "   verify [--all] [--from URL]",
      "                          Read the newest generation back, or all, and compare",
      "   export litestream URL [--from URL] [--to-txn N] [--to-time T]",
      "                          Write a state that litestream restore (0.5) reads",
    ],
    correction:
      ".mirror status|on|off|sync|check|snapshot|list|log|diff|history|bisect|when|undo|attach|prune|verify|export",
    isSafe: false,
    completions: [
      "status", "on", "off", "sync", "check", "snapshot", "list", "log", "diff", "history", "bisect", "when",
      "undo",
      "attach", "prune",
      "verify", "export",
      "--json", "--new-generation", "--unfenced", "--since", "--until", "--grep", "--from", "--keep",
      "--dry-run",
      "--all", "--to-txn", "--to-time", "--summary", "--files", "--sql", "--changeset", "--force", "--skip",
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
    let name = words.optional() ?? "status"
    do throws(CommandError) {
      action = try Self.action(name, &words)
      try words.finish()
    } catch {
      guard error == .usage, let usage = Self.usage(of: name) else { throw error }
      throw .message("Usage: \(usage)")
    }
  }

  /// Returns the form of a sub-command in `.help mirror`, after the command's name; nil for an
  /// unknown one.
  private static func usage(of name: String) -> String? {
    let forms = spec.details.map { $0.drop { $0 == " " } }
    guard let line = forms.first(where: { $0.prefix { $0 != " " } == name }) else { return nil }
    // Two spaces end the form; the summary follows.
    let words = line.split(separator: " ", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
    return ".mirror " + words.joined(separator: " ")
  }

  private static func action(_ name: String, _ words: inout Words) throws(CommandError) -> Action {
    switch name {
    case "status": .status(json: try json(&words))
    case "list": .list(json: try json(&words))
    case "log": .log(try MirrorLog.Options(parsing: &words))
    case "verify": try verify(&words)
    case "prune": try prune(&words)
    case "check": try check(&words)
    case "export": .export(try MirrorExport.Options(parsing: &words))
    case "diff": .diff(try MirrorDiff.Options(parsing: &words))
    case "history": .history(try MirrorRowHistory.Options(parsing: &words))
    case "bisect": .bisect(try MirrorBisect.Options(parsing: &words))
    case "when": .bisect(try MirrorBisect.Options(parsing: &words, isTimeline: true))
    case "undo": .undo(try MirrorUndo.Options(parsing: &words))
    case "attach": .attach(try MirrorAttach(parsing: &words))
    case "off": .off
    case "sync": .sync
    case "snapshot": .snapshot
    case "on": try on(&words)
    default: throw .usage
    }
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
          throw .message("Error: not a duration: \"\(text)\": write 30d, 12h, 90m, 45s or 2w")
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
      // The list includes the newest commits.
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
      // Nothing can be left to store before the database is opened.
      if observer.isWaiting(for: session) { return }
      let mirror = try running(observer)
      try observer.showing("mirror", mirror) { try mirror.flush(seconds: observer.settings.flushTimeout) }
    case .verify(let from, let all):
      try MirrorVerification(session: session, observer: observer, from: from, isForAll: all).run()
    case .snapshot:
      let mirror = try running(observer)
      if let holder = mirror.holder {
        _ = try ServiceOrder(holder, observer.mirroredPath).send("snapshot")
        return
      }
      try observer.showing("base", mirror) { try mirror.snapshot() }
    case .prune(let keep, let dryRun):
      let mirror = try running(observer)
      if let holder = mirror.holder {
        return try ServiceOrder(holder, observer.mirroredPath).prune(keep, dryRun: dryRun, in: session)
      }
      let done = try mirror.prune(keeping: keep, dryRun: dryRun)
      for notice in done.notices { session.errors.tell("Warning: \(notice)") }
      let numbers = [done.objects.count, done.byteCount, done.generations.count, done.bases]
      session.output.write(Self.summary(numbers, dryRun: dryRun))
    }
  }

  /// The line about a deletion: objects, bytes, generations and bases.
  static func summary(_ numbers: [Int], dryRun: Bool) -> String {
    "\(dryRun ? "would delete" : "deleted") \(numbers[0]) objects, \(numbers[1]) bytes: "
      + "\(numbers[2]) generations, \(numbers[3]) bases\n"
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
