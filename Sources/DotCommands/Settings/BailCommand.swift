internal import Shell

/// `.bail`: stops a script at its first error.
struct BailCommand: DotCommand {
  static let spec = CommandSpec(
    name: "bail", shortest: 3, usage: "on|off", summary: "Stop after hitting an error.  Default OFF")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) { session.settings.bail = isOn }
}
