internal import Shell

/// `.echo`: prints input before it runs.
struct EchoCommand: DotCommand {
  static let spec = CommandSpec(
    name: "echo", shortest: 1, usage: "on|off", summary: "Turn command echo on or off")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) { session.settings.echo = isOn }
}
