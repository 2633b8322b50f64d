internal import Shell

/// `.prompt`: replaces the prompts.
struct PromptCommand: DotCommand {
  static let spec = CommandSpec(
    name: "prompt", shortest: 1, usage: "MAIN CONTINUE", summary: "Replace the standard prompts")
  private let main: String?
  private let continuation: String?
  init(parsing words: inout Words) throws(CommandError) {
    main = words.optional()
    continuation = words.optional()
  }
  func run(in session: Session) {
    // A prompt keeps 19 bytes, as in sqlite3.
    if let main { session.input.prompt = String(decoding: main.utf8.prefix(19), as: UTF8.self) }
    if let continuation {
      session.input.continuationPrompt = String(decoding: continuation.utf8.prefix(19), as: UTF8.self)
    }
  }
}
