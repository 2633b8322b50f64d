internal import Render
internal import Shell

/// `.nullvalue`: sets the text for NULL.
struct NullvalueCommand: DotCommand {
  static let spec = CommandSpec(
    name: "nullvalue", shortest: 1, usage: "STRING", summary: "Use STRING in place of NULL values")
  private let text: [UInt8]
  init(parsing words: inout Words) throws(CommandError) {
    guard let text = words.optionalBytes(), words.isEmpty else { throw .usage }
    self.text = text
  }
  func run(in session: Session) { session.output.options.nullValue = text }
}
