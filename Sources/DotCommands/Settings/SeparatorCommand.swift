internal import Render
internal import Shell

/// Sets what stands between columns and after rows.
struct SeparatorCommand: DotCommand {
  static let spec = CommandSpec(
    name: "separator", shortest: 2, usage: "COL ?ROW?", summary: "Change the column and row separators")
  private let column: [UInt8]
  private let row: [UInt8]?
  init(parsing words: inout Words) throws(CommandError) {
    guard let column = words.optionalBytes() else { throw .usage }
    self.column = column
    row = words.optionalBytes()
    try words.finish()
  }
  func run(in session: Session) {
    session.output.options.columnSeparator = column
    if let row { session.output.options.rowSeparator = row }
  }
}
