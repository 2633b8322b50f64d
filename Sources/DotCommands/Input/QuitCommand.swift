internal import SQLite
internal import Shell

/// `.quit`: ends the current file, or the program at its outermost input.
struct QuitCommand: DotCommand {
  static let spec = CommandSpec(
    name: "quit",
    summary: Dialect.current.hasEstimates
      ? "Stop interpreting input stream, exit if primary." : "Exit this program")
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) throws { throw Quit() }
}
