package import Bytes
internal import Files
package import SQLite

/// One run of the shell: the state that its commands read and change.
///
/// This target is sqlite3's shell without its commands, and knows nothing of the mirror. `Launch`
/// reads options and makes a session; `RunLoop` reads input; `CommandTable` finds a `DotCommand`;
/// `StatementRunner` runs SQL and gives rows to `Render`. `OutputState` and `ErrorReporter` are the
/// only ways out. A `SessionObserver` learns what happens, and `ConnectionObserver` of SQLite sees
/// each statement.
///
/// A session belongs to the main thread.
///
///     let session = Session(commands: CommandTable(commands, extras: extras))
///     let code = Launch(session: session).run(arguments)
package final class Session {
  package let output: OutputState
  package let errors: ErrorReporter
  package let database: DatabaseSlot
  package let commands: CommandTable
  package let input = InputState()
  package let progress: ProgressDisplay
  package var settings = Settings()
  /// The name in the program's own messages.
  package let programName: String
  /// Set when a command asks to leave: the exit code, or nil for the one that follows from errors.
  package var exitCode: Int32?
  /// The exit code of a failed command that was an argument of the program.
  package var failureCode: Int32 = 1
  /// Takes the next SQL in place of the database.
  ///
  /// A dot-command that comes first ends this.
  package var nextTaker: ((ByteBuffer) throws -> Void)?
  var dumpRecognition = DumpRecognition()
  private(set) var observers: [any SessionObserver] = []

  package init(programName: String = "sqlite3-cloud-s3", commands: CommandTable) {
    self.programName = programName
    self.commands = commands
    let progress = ProgressDisplay()
    let output = OutputState(hidingFirst: { progress.hide() })
    self.output = output
    self.progress = progress
    errors = ErrorReporter(flushingFirst: {
      output.flushBeforeErrors()
      progress.hide()
    })
    database = DatabaseSlot()
    database.session = self
  }

  /// Whether a person types: prompts are shown, and errors have no line number.
  package var isInteractive: Bool { input.isInteractive }
  /// Whether input comes from a file, a pipe or arguments.
  package var isBatch: Bool { !input.isInteractive }

  /// Returns the open database, and opens it if needed.
  package var connection: Connection {
    get throws { try database.connection() }
  }

  // MARK: Observers

  package func add(_ observer: some SessionObserver) { observers.append(observer) }

  /// Returns the observer of this type, if there is one.
  package func observer<Observer: SessionObserver>(_: Observer.Type = Observer.self) -> Observer? {
    for case let observer as Observer in observers { return observer }
    return nil
  }

  /// Notifies observers that an input group is done; returns the number of errors that they
  /// reported.
  func inputDidComplete() -> Int {
    var count = 0
    for index in observers.indices { count += observers[index].inputDidComplete(in: self) }
    return count
  }

  /// Ends observers, output and database; returns the observers' errors.
  package func end() -> [String] {
    let complaints = observers.compactMap { $0.sessionWillEnd(self) }
    for complaint in complaints { errors.print("Error: \(complaint)") }
    database.closeAll()
    settings.trace.write = nil
    output.close()
    if let complaint = output.complaint { errors.print(complaint) }
    return complaints
  }

  /// Asks a question at the terminal; true only for an answer that begins with y.
  package func confirms(_ question: String) -> Bool {
    guard let source = input.source else { return false }
    output.flush()
    let prompt = input.prompt
    input.prompt = question + " [y/N] "
    defer { input.prompt = prompt }
    let answer = ByteBuffer(capacity: 64)
    guard case .line = source.appendLine(to: answer, isContinuation: false) else { return false }
    return !answer.isEmpty && answer[0] | 0x20 == UInt8(ascii: "y")
  }

  /// Ends the program with 1 if safe mode forbids `act`, such as `cannot run .shell in safe mode`.
  package func requireUnsafe(_ complaint: String) throws {
    guard settings.isSafe else { return }
    errors.print("line \(input.lineNumber): \(complaint)")
    throw SessionExit(code: 1)
  }
}
