internal import Files
internal import SQLite
internal import Shell

/// `.session`: records changes of tables and writes them to files.
struct SessionCommand: DotCommand {
  static let spec = CommandSpec(
    name: "session", shortest: 3, usage: "?NAME? CMD ...", summary: "Create or control sessions",
    details: [
      "   Subcommands:",
      "     attach TABLE             Attach TABLE",
      "     changeset FILE           Write a changeset into FILE",
      "     close                    Close one session",
      "     enable ?BOOLEAN?         Set or query the enable bit",
      "     filter GLOB...           Reject tables matching GLOBs",
      "     indirect ?BOOLEAN?       Mark or query the indirect status",
      "     isempty                  Query whether the session is empty",
      "     list                     List currently open session names",
      "     open DB NAME             Open a new session on DB",
      "     patchset FILE            Write a patchset into FILE",
      "   If ?NAME? is omitted, the first defined session is used.",
    ])
  private let words: [String]
  init(parsing words: inout Words) throws(CommandError) { self.words = words.rest() }

  func run(in session: Session) throws {
    let connection = try session.connection
    let recorders = ChangeRecorders.of(session)
    var words = words[...]
    var index = 0
    if words.count >= 2, let named = recorders.index(of: words[0], on: connection) {
      index = named
      words = words.dropFirst()
    }
    guard let verb = words.first else { return help(session) }
    let arguments = Array(words.dropFirst())
    let open = recorders.open(on: connection)
    switch (verb, arguments.count) {
    case ("list", _):
      for (index, entry) in open.enumerated() { session.output.print("\(index) \(entry.name)") }
    case ("open", 2): try recorders.begin(arguments[1], arguments[0], on: connection, in: session)
    case ("attach", 1), ("changeset", 1), ("patchset", 1), ("close", 0), ("enable", 0...1),
      ("indirect", 0...1),
      ("isempty", 0), ("filter", 1...):
      guard index < open.count else { return try withoutRecorder(verb, session) }
      if verb == "close" { return recorders.end(index, on: connection) }
      try act(verb, arguments, open[index], session)
    default: help(session)
    }
  }

  /// Runs the sub-commands that need no open session.
  private func withoutRecorder(_ verb: String, _ session: Session) throws {
    if verb == "changeset" || verb == "patchset" || verb == "attach" {
      try refuseFiles(verb, session)
      session.errors.print("ERROR: No sessions are open")
    }
  }

  private func refuseFiles(_ verb: String, _ session: Session) throws {
    if verb != "attach" { try session.requireUnsafe("cannot run \".session \(verb)\" in safe mode") }
  }

  private func act(
    _ verb: String, _ arguments: [String], _ entry: ChangeRecorders.Entry, _ session: Session
  ) throws {
    let recorder = entry.recorder
    switch verb {
    case "attach":
      let code = recorder.attach(arguments[0])
      if code != .ok { session.errors.print("ERROR: sqlite3session_attach() returns \(code.rawValue)") }
    case "changeset", "patchset": try write(verb, arguments[0], recorder, session)
    case "enable":
      if let word = arguments.first { recorder.isEnabled = boolean(word, session) }
      show("enable", recorder.isEnabled, entry, session)
    case "indirect":
      if let word = arguments.first { recorder.isIndirect = boolean(word, session) }
      show("indirect", recorder.isIndirect, entry, session)
    case "isempty": show("isempty", recorder.isEmpty, entry, session)
    default: recorder.setFilter { name in !arguments.contains { TextPattern.glob($0, name) } }
    }
  }

  private func show(_ name: String, _ value: Bool, _ entry: ChangeRecorders.Entry, _ session: Session) {
    session.output.print("session \(entry.name) \(name) flag = \(value ? 1 : 0)")
  }

  private func boolean(_ word: String, _ session: Session) -> Bool {
    let (value, warning) = Numbers.boolean(word)
    if let warning { session.errors.print(warning) }
    return value
  }

  private func write(_ verb: String, _ file: String, _ recorder: ChangeRecorder, _ session: Session) throws {
    try refuseFiles(verb, session)
    guard let writer = StreamWriter(path: file) else {
      session.errors.print("ERROR: cannot open \"\(file)\" for writing")
      return
    }
    do throws(SQLiteError) {
      guard let changes = try recorder.changes(asPatch: verb == "patchset") else { return }
      // An empty result is a failure too, as in sqlite3.
      if changes.isEmpty || !writer.write(changes) {
        session.errors.print("ERROR: Failed to write entire \(changes.count)-byte output")
      }
    } catch {
      session.output.printToStandardOutput("Error: error code \(error.code.rawValue)")
    }
  }

  private func help(_ session: Session) {
    for line in session.commands.help("session") { session.output.print(line) }
  }
}
