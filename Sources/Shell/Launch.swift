internal import Bytes
internal import Files
internal import SQLite

/// The start of the program: from arguments to exit code.
package final class Launch {
  package let session: Session
  // Created at the first option, because start-up is most of a short run.
  private lazy var options = StandardOptions.all() + StandardOptions.later + extras
  private let extras: [CommandLineOption]
  /// The database on the command line.
  package private(set) var databaseName: String?
  package var initFile: String?
  var readsNoInitFile = false
  private var commands: [String] = []
  /// The typed text of the option `-A`.
  private(set) var archiveOption = "-A"
  /// The arguments after an option that takes all of them.
  package private(set) var rest: [String] = []
  /// Commands to run instead of input.
  package var instead: ((Session) throws -> Int32)?
  /// Called when the options are read, before a database is opened.
  package var willOpen: ((Session) throws -> Void)?
  /// Makes the terminal if the session is interactive.
  package var makeTerminal: ((Session) -> any TerminalInput)?

  package init(session: Session, extraOptions: [CommandLineOption] = []) {
    self.session = session
    extras = extraOptions
  }

  /// Runs a session with these arguments, without the program's name; returns the exit code.
  package func run(_ arguments: [String]) -> Int32 {
    var code: Int32
    do {
      code = try start(arguments)
    } catch let exit as SessionExit {
      // Immediately, because later output would come first.
      session.output.forgetPending()
      code = exit.code
    } catch {
      session.errors.print("Error: " + "\(error)".escapingControls())
      code = 1
    }
    if session.input.isEnding() && code == 0 { code = 1 }
    session.input.willEnd()
    let complaints = session.end()
    if !complaints.isEmpty && session.isBatch && code == 0 { code = 1 }
    return code
  }

  private func start(_ arguments: [String]) throws -> Int32 {
    session.input.isInteractive = ProcessEnvironment.isTerminal(0)
    try read(arguments, early: true)
    LibraryOptions.registerAppendedFiles()
    session.database.name = databaseName ?? ":memory:"
    try willOpen?(session)
    if let databaseName, ProcessEnvironment.exists(databaseName) { _ = try session.connection }
    try runInitFile()
    try read(arguments, early: false)
    if let instead { return try instead(session) }
    if !commands.isEmpty { return try run(commands: commands) }
    if session.isInteractive { return try interact(arguments.isEmpty) }
    let errorCount = try session.read(StreamLines(StreamReader(descriptor: 0)))
    return errorCount > 0 ? 1 : 0
  }

  // MARK: Options

  private func read(_ arguments: [String], early: Bool) throws {
    var at = 0
    var endsOptions = false
    while at < arguments.count {
      let word = arguments[at]
      at += 1
      if Dialect.current.endsOptionsWithDashes, !endsOptions, word == "--" || word == "-" {
        endsOptions = true
        continue
      }
      guard word.hasPrefix("-"), !endsOptions else {
        if early { take(word) }
        continue
      }
      let typed = String(word.dropFirst(word.hasPrefix("--") ? 2 : 1))
      let isArchive = typed.hasPrefix("A")
      let name = isArchive ? "A" : typed
      let found = options.first { $0.name == name }
      guard let option = found, at < arguments.count || !option.isUnknownAtTheEnd else {
        if early { continue }
        fail("Error: unknown option: -\(name)\nUse -help for a list of options.")
        throw SessionExit(code: 1)
      }
      let count = option.argumentNames.count
      guard at + count <= arguments.count else {
        fail("Error: missing argument to \(arguments.last ?? "")")
        throw SessionExit(code: 1)
      }
      if isArchive {
        // Everything else is for the archive, also the text after the letter.
        archiveOption = "-" + typed
        if !early && !commands.isEmpty {
          let mixed = "cannot mix regular SQL or dot-commands with"
          session.errors.print("Error: \(mixed) \"\(archiveOption)\"")
          throw SessionExit(code: 1)
        }
        rest = [String(archiveOption.dropFirst(2))].filter { !$0.isEmpty } + arguments[at...]
        at = arguments.count
      }
      let values = Array(arguments[at..<min(at + count, arguments.count)])
      at += early ? count : option.lateSkip
      try (early ? option.early : option.late)?(self, values)
    }
  }

  private func take(_ word: String) {
    if databaseName == nil {
      databaseName = word
    } else {
      commands.append(word)
    }
  }

  /// Prints a text made from the table of options, for every version of the library.
  package func print(_ script: OptionScript, for program: String) {
    session.output.write(script.text(program, StandardOptions.all(.newest) + StandardOptions.later + extras))
  }

  /// Reports an error of the command line, with the program's name.
  package func fail(_ message: String) { session.errors.print("\(session.programName): \(message)") }

  /// The text of `-help`.
  package var usage: String {
    var lines = [
      "Usage: \(session.programName) [OPTIONS] "
        + (Dialect.current.helpIsNoError ? "[FILENAME [SQL]]" : "FILENAME [SQL]"),
      "FILENAME is the name of an SQLite database. A new database is created",
      "if the file does not previously exist."
        + (Dialect.current.helpIsNoError ? " Defaults to :memory:." : ""),
      "OPTIONS include:",
    ]
    lines += StandardOptions.all().compactMap { $0.line }
    let added = extras.compactMap { $0.line }
    if !added.isEmpty { lines += ["Options that sqlite3 does not have:"] + added }
    lines += ["Options of later versions of sqlite3:"] + StandardOptions.later.compactMap { $0.line }
    return lines.joined(separator: "\n")
  }

  // MARK: Input

  private func runInitFile() throws {
    let path: String
    if let initFile {
      path = initFile
    } else {
      if readsNoInitFile { return }
      guard let home = ProcessEnvironment.homeDirectory else {
        session.errors.print("-- warning: cannot find home directory; cannot read ~/.sqliterc")
        return
      }
      path = Self.configuration ?? home + "/.sqliterc"
    }
    guard let reader = StreamReader(path: path, takesDirectories: true) else {
      guard initFile != nil else { return }
      session.errors.print("cannot open: \"\(path)\"")
      if session.settings.bail { throw SessionExit(code: 1) }
      return
    }
    if session.isInteractive { session.errors.print("-- Loading resources from \(path)") }
    let errorCount = try session.read(StreamLines(reader))
    if errorCount > 0 && session.settings.bail { throw SessionExit(code: 1) }
  }

  /// The start-up file in the desktop's configuration folder, if it exists.
  private static var configuration: String? {
    guard Dialect.current.readsConfigurationHome,
      let folder = ProcessEnvironment.variable("XDG_CONFIG_HOME"), !folder.isEmpty
    else { return nil }
    let path = folder + "/sqlite3/sqliterc"
    return ProcessEnvironment.exists(path) ? path : nil
  }

  /// Runs the commands of `-cmd`.
  ///
  /// With bail the first failure ends the program.
  func runEarlyCommand(_ text: String) throws {
    if text.hasPrefix(".") {
      if try session.runCommand(text.preservedBytes) == .failed && session.settings.bail {
        throw SessionExit(code: 1)
      }
    } else {
      let code = try session.runArgument(text.preservedBytes)
      if code != 0 && session.settings.bail { throw SessionExit(code: code) }
    }
  }

  private func run(commands: [String]) throws -> Int32 {
    for command in commands where !session.input.isEnding() {
      if command.hasPrefix(".") {
        let outcome = try session.runCommand(command.preservedBytes)
        let failures = session.inputDidComplete()
        switch outcome {
        case .done where failures > 0: return 1
        case .done: continue
        case .failed: return session.failureCode
        case .quit: return 0
        }
      }
      if session.settings.echo, Dialect.current.echoesArguments { session.output.print(command) }
      let code = try session.runArgument(command.preservedBytes)
      if code != 0 { return code }
    }
    return 0
  }

  private func interact(_ isBare: Bool) throws -> Int32 {
    guard let terminal = makeTerminal?(session) else {
      return try session.read(StreamLines(StreamReader(descriptor: 0))) > 0 ? 1 : 0
    }
    let output = session.output
    output.print("SQLite version \(LibraryVersion.number) \(LibraryVersion.source.prefix(19))")
    output.print("Enter \".help\" for usage hints.")
    if isBare {
      output.withControls {
        output.print(
          "Connected to a \u{1b}[1mtransient in-memory database\u{1b}[0m.\n"
            + "Use \".open FILENAME\" to reopen on a persistent database.")
      }
    }
    for case let greeting? in session.observers.map({ $0.greeting(in: session) }) { output.print(greeting) }
    output.flush()
    return try session.readTerminal(terminal) > 0 ? 1 : 0
  }
}
