internal import Shell

/// `.changes`: prints how many rows each input group changed.
struct ChangesCommand: DotCommand {
  static let spec = CommandSpec(
    name: "changes", shortest: 3, usage: "on|off", summary: "Show number of rows changed by SQL")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) { session.settings.showChanges = isOn }
}
