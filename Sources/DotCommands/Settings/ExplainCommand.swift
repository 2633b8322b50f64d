internal import Render
internal import Shell

/// `.explain`: chooses how `EXPLAIN` is shown.
struct ExplainCommand: DotCommand {
  static let spec = CommandSpec(
    name: "explain", shortest: 3, usage: "?on|off|auto?",
    summary: "Change the EXPLAIN formatting mode.  Default: auto")
  /// Nil if nothing changes.
  private let choice: Settings.Explain?
  /// The number for `auto`.
  private static let automatic: Int32 = 99
  init(parsing words: inout Words) throws(CommandError) {
    guard let word = words.optional() else {
      choice = .on
      return
    }
    choice =
      switch word == "auto" ? Self.automatic : words.choice(from: word) {
      case 0: .off
      case 1: .on
      case Self.automatic: .automatic
      default: nil
      }
  }
  func run(in session: Session) {
    guard let choice else { return }
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
