internal import DotCommands
internal import Files
internal import Replicator
internal import Service

/// `-wait` and `-status`: look at what other processes mirror.
enum WatchCommands {
  /// Waits until a database is stored; returns the exit code.
  static func wait(_ words: [String]) -> Int32 {
    run {
      let session = MirrorSession { try Environment.makeStore($0) }
      Environment.configure(session)
      let command = try WaitCommand(words, seconds: session.settings.flushTimeout)
      if command.isHelp { OutputLine.print(WaitCommand.usage + "\n") } else { try command.run() }
      return 0
    }
  }

  /// Prints the state of databases; returns the exit code.
  static func status(_ words: [String]) -> Int32 {
    run {
      let command = try StatusCommand(words)
      guard command.isHelp else { return command.run { OutputLine.print($0) } }
      OutputLine.print(StatusCommand.usage + "\n")
      return 0
    }
  }

  private static func run(_ body: () throws -> Int32) -> Int32 {
    do {
      return try body()
    } catch {
      OutputLine.printError("Error: \(error)\n")
      return 1
    }
  }
}
