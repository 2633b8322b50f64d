internal import Shell

/// `.timer`: prints how long each input group took.
struct TimerCommand: DotCommand {
  static let spec = CommandSpec(
    name: "timer", shortest: 5, usage: "on|off", summary: "Turn SQL timer on or off")
  private let isOn: Bool
  /// Whether it is only for the next input, as in sqlite3 3.53.
  private let isOnce: Bool
  init(parsing words: inout Words) throws(CommandError) {
    isOnce = words.count == 1 && words.peek == "once"
    isOn = isOnce ? true : try words.boolean()
  }
  func run(in session: Session) {
    session.settings.timer = isOn
    session.settings.timesOnce = isOnce
  }
}
