internal import Shell

/// Chooses binary output where the system knows a difference; here it knows none.
struct BinaryCommand: DotCommand {
  static let spec = CommandSpec(
    name: "binary", shortest: 3, usage: "on|off", summary: "Turn binary output on or off.  Default OFF")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) {}
}
