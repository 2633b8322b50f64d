internal import Shell

/// `.exit`: ends the program, at once if the code is not 0.
struct ExitCommand: DotCommand {
  static let spec = CommandSpec(
    name: "exit", shortest: 2, usage: "?CODE?", summary: "Exit this program with return-code CODE")
  private let code: Int32
  init(parsing words: inout Words) throws(CommandError) {
    code = words.optional().map { Int32(truncatingIfNeeded: Numbers.integer($0)) } ?? 0
  }
  func run(in session: Session) throws {
    guard code == 0 else { throw SessionExit(code: code & 0xff) }
    throw Quit()
  }
}
