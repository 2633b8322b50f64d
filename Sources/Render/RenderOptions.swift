/// The settings for the look of rows.
package struct RenderOptions: Equatable, Sendable {
  /// The maximum bytes of a separator or null text; longer ones are cut.
  package static let longestText = 19

  package var mode: OutputMode = .list
  /// Whether column names are shown.
  package var headers = false
  /// Whether the user set `headers`: then `.mode column` does not change it.
  package var headersWereSet = false
  package var columnSeparator: [UInt8] = [UInt8(ascii: "|")] { didSet { Self.cut(&columnSeparator) } }
  package var rowSeparator: [UInt8] = [UInt8(ascii: "\n")] { didSet { Self.cut(&rowSeparator) } }
  /// The text for NULL.
  package var nullValue: [UInt8] = [] { didSet { Self.cut(&nullValue) } }
  /// Minimum widths of columns; negative aligns to the right, 0 means as wide as the content.
  package var widths: [Int] = []
  /// The layout of cells in columnar modes.
  package var style = ColumnStyle()
  /// How control characters are shown.
  package var escape = ControlEscape.off
  /// The name of the table in `insert` mode, not quoted yet.
  package var insertTable = "table"
  /// Whether rows of the statement's program precede its own: then no header is due.
  package var followsProgram = false

  package init() {}

  private static func cut(_ text: inout [UInt8]) {
    if text.count > longestText { text.removeLast(text.count - longestText) }
  }
}

/// The layout of cells in `box`, `table`, `column` and `markdown`.
package struct ColumnStyle: Equatable, Sendable {
  /// The maximum width of a cell, in characters; 0 for no limit.
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

  /// What `.mode box` and similar modes set by default.
  package static let chosenByMode = ColumnStyle(wrap: 60)
}
