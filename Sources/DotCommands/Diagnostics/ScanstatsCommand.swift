internal import SQLite
internal import Shell

/// `.scanstats`: would show how often each loop of a statement ran; installed libraries do not
/// count that.
struct ScanstatsCommand: DotCommand {
  static let spec = CommandSpec(
    name: "scanstats", shortest: 1, usage: Dialect.current.hasEstimates ? "on|off|est" : "on|off",
    summary: "Turn sqlite3_stmt_scanstatus() metrics on or off")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) {
    guard Dialect.current.hasEstimates, words.count == 1, words.peek == "est" else {
      isOn = try words.boolean()
      return
    }
    isOn = true
  }
  func run(in session: Session) {
    session.settings.scanStatus = isOn
    session.errors.print("Warning: .scanstats not available in this build.")
  }
}
