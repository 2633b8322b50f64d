internal import Shell

/// Would show how often each loop of a statement ran; SQLite as installed does not count that.
struct ScanstatsCommand: DotCommand {
  static let spec = CommandSpec(
    name: "scanstats", shortest: 1, usage: "on|off",
    summary: "Turn sqlite3_stmt_scanstatus() metrics on or off")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) {
    session.settings.scanStatus = isOn
    session.errors.print("Warning: .scanstats not available in this build.")
  }
}
