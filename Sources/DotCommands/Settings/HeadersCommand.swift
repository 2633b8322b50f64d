internal import Render
internal import Shell

/// `.headers`: shows or hides column names above results.
struct HeadersCommand: DotCommand {
  static let spec = CommandSpec(
    name: "headers", shortest: 1, usage: "on|off", summary: "Turn display of headers on or off")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) {
    session.output.options.headers = isOn
    session.output.options.headersWereSet = true
  }
}
