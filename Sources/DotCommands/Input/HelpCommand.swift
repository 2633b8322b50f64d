internal import Shell

/// `.help`: prints the help of the table of commands.
struct HelpCommand: DotCommand {
  static let spec = CommandSpec(
    name: "help", shortest: 3, usage: "?-all? ?PATTERN?", summary: "Show help text for PATTERN")
  private let pattern: String?
  init(parsing words: inout Words) throws(CommandError) { pattern = words.optional() }
  func run(in session: Session) {
    let lines = session.commands.help(pattern)
    for line in lines { session.output.print(line) }
    if lines.isEmpty, let pattern { session.output.print("Nothing matches '\(pattern)'") }
  }
}
