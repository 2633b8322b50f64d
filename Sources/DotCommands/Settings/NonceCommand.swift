internal import Shell

/// `.nonce`: suspends safe mode for one command.
struct NonceCommand: DotCommand {
  static let spec = CommandSpec(
    name: "nonce", shortest: 5, usage: "STRING",
    summary: "Suspend safe mode for one command if nonce matches",
    correction: ".nonce NONCE")
  private let nonce: String
  init(parsing words: inout Words) throws(CommandError) {
    nonce = try words.required()
    try words.finish()
  }
  func run(in session: Session) throws {
    guard session.settings.nonce == nonce else {
      session.errors.print("line \(session.input.lineNumber): incorrect nonce: \"\(nonce)\"")
      throw SessionExit(code: 1)
    }
    session.settings.isSafe = false
    session.settings.skipsSafeModeReturn = true
  }
}
