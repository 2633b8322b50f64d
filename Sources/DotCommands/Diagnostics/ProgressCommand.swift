internal import SQLite
internal import Shell

/// `.progress`: interrupts or reports after a number of steps.
struct ProgressCommand: DotCommand {
  static let spec = CommandSpec(
    name: "progress", shortest: 3, usage: "N", summary: "Invoke progress handler after every N opcodes",
    details: [
      "   --limit N                 Interrupt after N progress callbacks",
      "   --once                    Do no more than one progress interrupt",
      "   --quiet|-q                No output except at interrupts",
      "   --reset                   Reset the count for each input and interrupt",
    ])
  private var steps: Int32 = 0
  private var progress = Settings.Progress()
  // As in sqlite3, the words before a wrong one count, with the number of steps set before.
  private var failure: CommandError?

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      guard word.hasPrefix("-") else {
        steps = Int32(truncatingIfNeeded: Numbers.integer(word))
        continue
      }
      switch word.drop(while: { $0 == "-" }) {
      case "quiet", "q": progress.isQuiet = true
      case "reset": progress.resets = true
      case "once": progress.isOnce = true
      case "limit":
        guard let limit = words.optional() else {
          failure = .message("Error: missing argument on --limit")
          return
        }
        progress.limit = Int(Numbers.integer(limit))
      default:
        failure = .message("Error: unknown option: \"\(word)\"")
        return
      }
    }
  }
  func run(in session: Session) throws {
    session.settings.progress = progress
    if let failure { throw failure }
    try session.connection.setProgressHandler(every: steps) { [weak session] in
      guard let session else { return false }
      return Self.isEnough(session)
    }
  }

  private static func isEnough(_ session: Session) -> Bool {
    session.settings.progress.count += 1
    let progress = session.settings.progress
    if progress.count >= progress.limit && progress.limit > 0 {
      session.output.print("Progress limit reached (\(progress.count))")
      if progress.resets { session.settings.progress.count = 0 }
      if progress.isOnce { session.settings.progress.limit = 0 }
      return true
    }
    if !progress.isQuiet { session.output.print("Progress \(progress.count)") }
    return false
  }
}
