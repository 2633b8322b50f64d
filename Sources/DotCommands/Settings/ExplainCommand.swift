internal import Render
internal import Shell

/// Chooses how `EXPLAIN` is shown.
struct ExplainCommand: DotCommand {
  static let spec = CommandSpec(
    name: "explain", shortest: 3, usage: "?on|off|auto?",
    summary: "Change the EXPLAIN formatting mode.  Default: auto")
  private let choice: Settings.Explain
  init(parsing words: inout Words) throws(CommandError) {
    guard let word = words.optional() else {
      choice = .on
      return
    }
    choice = word == "auto" ? .automatic : words.boolean(from: word) ? .on : .off
  }
  func run(in session: Session) {
    let isShown = session.output.options.mode == .explain
    session.settings.explain = choice
    if choice == .on && !isShown {
      session.settings.modeBeforeExplain = session.output.options.mode
      session.output.options.mode = .explain
    } else if choice != .on && isShown {
      session.output.options.mode = session.settings.modeBeforeExplain
    }
  }
}
