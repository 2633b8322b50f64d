internal import Render
internal import Shell

/// `.separator`: sets the text between columns and after rows.
struct SeparatorCommand: DotCommand {
  static let spec = CommandSpec(
    name: "separator", shortest: 2, usage: "COL ?ROW?", summary: "Change the column and row separators")
  private let column: [UInt8]
  private let row: [UInt8]?
  // Too many words are an error, but the first two count.
  private let hasMore: Bool
  init(parsing words: inout Words) throws(CommandError) {
    guard let column = words.optionalBytes() else { throw .usage }
    self.column = column
    row = words.optionalBytes()
    hasMore = !words.isEmpty
  }
  func run(in session: Session) throws {
    session.output.options.columnSeparator = column
    if let row { session.output.options.rowSeparator = row }
    if hasMore { throw CommandError.usage }
  }
}
