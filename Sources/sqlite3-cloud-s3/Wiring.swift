internal import DotCommands
internal import Files
internal import LineReader
internal import Replicator
internal import SQLite
internal import Shell

/// Joins the parts of the program.
///
/// This target makes the session, the mirror, the stores and the terminal, and connects them. It is
/// the only one that knows all others, and has no logic that needs a test.
enum Wiring {
  static func run() -> Int32 {
    ProcessEnvironment.catchBrokenPipes()
    let arguments = ProcessEnvironment.arguments
    if arguments.count > 1, let run = modes[arguments[1]] { return run(Array(arguments.dropFirst())) }
    let commands = CommandTable(AllCommands.commands, extras: AllCommands.extras)
    let session = Session(programName: arguments.first ?? "sqlite3-cloud-s3", commands: commands)
    // Swift reads the arguments from /proc. Without them the program would open another database
    // than the one named.
    guard !arguments.isEmpty else {
      session.errors.print("sqlite3-cloud-s3: Error: /proc is not mounted: the arguments cannot be read")
      return 1
    }
    LibraryOptions.useSmallBlocks()
    ErrorLog.install()
    connectInterrupts(session)
    let mirror = MirrorSession(encryption: Environment.encryption) { try Environment.makeStore($0) }
    Environment.configure(mirror)
    session.add(mirror)
    Termination.setGrace(seconds: mirror.settings.flushTimeout + 10)
    mirror.isInterrupted = { InterruptSignal.wasRaised }
    let launch = Launch(session: session, extraOptions: Environment.options(mirror))
    launch.willOpen = { try mirror.past.willOpen($0) }
    var terminal: Terminal?
    launch.makeTerminal = { session in
      let made = Terminal(session)
      // Lines that may hold a URL with credentials are not written to the history file.
      made.keepInHistory { line in
        guard line.firstRange(of: Array("://".utf8)) != nil else { return true }
        return !String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
          .contains { $0.contains("://") && ReplicaURL.mayHoldSecret(String($0)) }
      }
      terminal = made
      return made
    }
    session.input.willEnd = {
      // A Ctrl-C that ended a statement does not end the flush; the next one does.
      InterruptSignal.reset()
      terminal?.saveHistory()
    }
    let code = launch.run(Array(arguments.dropFirst()))
    terminal?.saveHistory()
    Termination.finish()
    if session.output.isCutOff { ProcessEnvironment.dieOfBrokenPipe() }
    return code
  }

  /// First arguments that run something else than a shell.
  private static let modes: [String: @Sendable ([String]) -> Int32] = [
    "-serve": { ServeCommand.run($0) }, "--serve": { ServeCommand.run($0) },
    "-wait": { WatchCommands.wait($0) }, "--wait": { WatchCommands.wait($0) },
    "-status": { WatchCommands.status($0) }, "--status": { WatchCommands.status($0) },
  ]

  /// Makes Ctrl-C stop the current statement.
  private static func connectInterrupts(_ session: Session) {
    InterruptTarget.set(nil)
    session.database.currentDidChange = { InterruptTarget.set($0) }
    session.input.wasInterrupted = { InterruptSignal.wasRaised }
    session.input.forgetInterrupt = { InterruptSignal.reset() }
    session.input.isEnding = { Termination.isRequested }
    InterruptSignal.install { InterruptTarget.interrupt() }
    Termination.install { InterruptSignal.stopWork() }
  }
}
