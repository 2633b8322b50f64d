internal import Files
internal import Shell

/// `.shell`: runs a command of the system's shell.
struct ShellCommand: DotCommand {
  static let spec = CommandSpec(
    name: "shell", shortest: 2, usage: "CMD ARGS...", summary: "Run CMD ARGS... in a system shell",
    correction: ".system COMMAND", isSafe: false, isNamedAsTyped: true)
  private let command: String
  init(parsing words: inout Words) throws(CommandError) { command = try SystemCommand.command(&words) }
  func run(in session: Session) { SystemCommand.run(command, in: session) }
}

/// `.system`: the other name of `.shell`.
struct SystemCommand: DotCommand {
  static let spec = CommandSpec(
    name: "system", shortest: 2, usage: "CMD ARGS...", summary: "Run CMD ARGS... in a system shell",
    correction: ".system COMMAND", isSafe: false, isNamedAsTyped: true)
  private let command: String
  init(parsing words: inout Words) throws(CommandError) { command = try Self.command(&words) }
  func run(in session: Session) { Self.run(command, in: session) }

  /// Returns the words with blanks between them; words with a blank are quoted.
  static func command(_ words: inout Words) throws(CommandError) -> String {
    let words = words.rest()
    guard let first = words.first else { throw .usage }
    return
      ([first.contains(" ") ? "\"\(first)\"" : first]
      + words.dropFirst().map { $0.contains(" ") ? "\"\($0)\"" : $0 }).joined(separator: " ")
  }

  static func run(_ command: String, in session: Session) {
    // Not flushed, as in sqlite3: echoed text follows the command's own output.
    let status = ProcessEnvironment.run(command)
    if status != 0 { session.errors.print("System command returns \(status)") }
  }
}
