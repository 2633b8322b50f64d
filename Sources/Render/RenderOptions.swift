/// Everything that decides how rows look.
package struct RenderOptions: Equatable, Sendable {
  /// Longest separator or null text, in bytes; what is longer is cut.
  package static let longestText = 19

  package var mode: OutputMode = .list
  /// Whether column names are shown.
  package var headers = false
  /// Whether the user chose `headers`: then `.mode column` leaves it alone.
  package var headersWereSet = false
  package var columnSeparator: [UInt8] = [UInt8(ascii: "|")] { didSet { Self.cut(&columnSeparator) } }
  package var rowSeparator: [UInt8] = [UInt8(ascii: "\n")] { didSet { Self.cut(&rowSeparator) } }
  /// What stands for NULL.
  package var nullValue: [UInt8] = [] { didSet { Self.cut(&nullValue) } }
  /// Least widths of columns; negative aligns to the right, 0 means as wide as the content.
  package var widths: [Int] = []
  /// How columnar modes lay out their cells.
  package var style = ColumnStyle()
  /// How control characters are shown.
  package var escape = ControlEscape.off
  /// Name of the table in `insert` mode, not yet quoted.
  package var insertTable = "table"
  /// Whether rows of the statement's program stand before its own: then these are not the first, and no header is due.
  package var followsProgram = false

  package init() {}

  private static func cut(_ text: inout [UInt8]) {
    if text.count > longestText { text.removeLast(text.count - longestText) }
  }
}

/// How `box`, `table`, `column` and `markdown` lay out their cells.
package struct ColumnStyle: Equatable, Sendable {
  /// Widest cell, in characters; 0 for no limit.
  package var wrap: Int
  /// Whether lines end at word boundaries.
  package var wordWrap: Bool
  /// Whether cells are written as SQL literals.
  package var quote: Bool

  package init(wrap: Int = 0, wordWrap: Bool = false, quote: Bool = false) {
    self.wrap = wrap
    self.wordWrap = wordWrap
    self.quote = quote
  }

  /// What `.mode box` and its like set where the user says nothing else.
  package static let chosenByMode = ColumnStyle(wrap: 60)
}
