internal import Shell

/// `.highlight`: turns the colours of typed SQL on or off.
struct HighlightCommand: DotCommand {
  static let spec = CommandSpec(
    name: "highlight", shortest: 2, usage: "on|off", summary: "Colour SQL while it is typed at a terminal")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) { session.input.highlights = isOn }
}
