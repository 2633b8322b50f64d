internal import Render
internal import Shell

/// `.width`: sets minimum widths of columns.
struct WidthCommand: DotCommand {
  static let spec = CommandSpec(
    name: "width", shortest: 2, usage: "NUM1 NUM2 ...",
    summary: "Set minimum column widths for columnar output", details: ["     Negative values right-justify"])
  private let widths: [Int]
  init(parsing words: inout Words) throws(CommandError) {
    widths = words.rest().map { Int(Int32(truncatingIfNeeded: Numbers.integer($0))) }
  }
  func run(in session: Session) { session.output.options.widths = widths }
}
