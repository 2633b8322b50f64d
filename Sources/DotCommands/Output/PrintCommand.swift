internal import Shell

/// `.print`: prints its words.
struct PrintCommand: DotCommand {
  static let spec = CommandSpec(
    name: "print", shortest: 3, usage: "STRING...", summary: "Print literal STRING")
  private let words: [[UInt8]]
  init(parsing words: inout Words) throws(CommandError) { self.words = words.restBytes() }
  func run(in session: Session) {
    session.output.withControls {
      for (index, word) in words.enumerated() {
        if index > 0 { session.output.write(" ") }
        session.output.write(word)
      }
      session.output.write("\n")
    }
  }
}
