internal import Shell

/// Shows how long each input group took.
struct TimerCommand: DotCommand {
  static let spec = CommandSpec(
    name: "timer", shortest: 5, usage: "on|off", summary: "Turn SQL timer on or off")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) { session.settings.timer = isOn }
}
