/// Writes colours over a line that readline has drawn.
///
/// readline has no colours. So it draws, and the coloured text is written once more over the same
/// cells. Both go to the terminal in one write. If readline has only appended or moved the cursor,
/// only the changes are written.
struct LinePaint {
  /// The text on the screen.
  private struct Shown {
    var prompt: [UInt8]
    var line: [UInt8]
    var tints: [UInt8]
    var width: Int
    var hasColour: Bool
  }
  /// A bit in a tint for selected text.
  static let selected: UInt8 = 0x80

  private var shown: Shown?

  /// Forgets the text on the screen.
  mutating func forget() { shown = nil }

  /// Returns the text to write after readline has written `drawn`; it moves the cursor back to its
  /// place.
  ///
  /// There is a tint for each byte of the line. `codes` has the parameters of a terminal's "select
  /// graphic rendition".
  mutating func paint(
    prompt: [UInt8], line: [UInt8], tints: [UInt8], layout: LineLayout, width: Int,
    after drawn: ArraySlice<UInt8>,
    codes: (UInt8) -> String
  ) -> [UInt8] {
    let hasColour = tints.contains { $0 != 0 }
    defer { shown = Shown(prompt: prompt, line: line, tints: tints, width: width, hasColour: hasColour) }
    var first = 0
    if let shown, shown.prompt == prompt, shown.width == width {
      if !hasColour && !shown.hasColour { return [] }
      if let kept = Self.kept(shown.line, line, drawn) {
        var same = 0
        while same < kept && shown.tints[same] == tints[same] { same += 1 }
        first = same
      }
    } else if !hasColour {
      return []
    }
    return Self.overlay(layout, tints, from: first, codes)
  }

  /// Returns the number of bytes of the line that are unchanged on the screen; nil if this is
  /// uncertain.
  private static func kept(_ old: [UInt8], _ new: [UInt8], _ drawn: ArraySlice<UInt8>) -> Int? {
    if old == new { return isMotion(drawn) ? old.count : nil }
    guard new.count > old.count, new.starts(with: old), new[old.count...] == drawn else { return nil }
    return old.count
  }

  /// Returns whether this only moves the cursor.
  private static func isMotion(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    while let byte = rest.popFirst() {
      switch byte {
      case 8, 10, 13: continue
      case 27:
        guard rest.popFirst() == 0x5b else { return false }
        while let digit = rest.first, digit >= 0x30 && digit <= 0x39 { rest.removeFirst() }
        guard let end = rest.popFirst(), end >= 0x41 && end <= 0x44 else { return false }
      default: return false
      }
    }
    return true
  }

  /// Writes the cells from byte `first` on again, with their colours.
  private static func overlay(
    _ layout: LineLayout, _ tints: [UInt8], from first: Int, _ codes: (UInt8) -> String
  ) -> [UInt8] {
    guard let start = layout.cells.firstIndex(where: { $0.index >= first }) else { return [] }
    var output: [UInt8] = []
    var at = layout.cursor
    var tint: UInt8 = 0
    for cell in layout.cells[start...] {
      // The cursor moves to each row, and never runs into it, so the end of a row stays as readline
      // made it.
      if cell.row != at.row || cell.column != at.column {
        move(&output, from: at, to: (cell.row, cell.column))
      }
      let wanted = tints[cell.index]
      if wanted != tint {
        output += "\u{1b}[0".utf8
        if wanted != 0 { output += ";\(codes(wanted))".utf8 }
        output.append(UInt8(ascii: "m"))
        tint = wanted
      }
      output += cell.text
      at = (cell.row, cell.column + cell.width)
    }
    if tint != 0 { output += "\u{1b}[0m".utf8 }
    if at != layout.cursor { move(&output, from: at, to: layout.cursor) }
    return output
  }

  private static func move(
    _ output: inout [UInt8], from: (row: Int, column: Int), to: (row: Int, column: Int)
  ) {
    output.append(13)
    if to.row < from.row { output += "\u{1b}[\(from.row - to.row)A".utf8 }
    if to.row > from.row { output += "\u{1b}[\(to.row - from.row)B".utf8 }
    if to.column > 0 { output += "\u{1b}[\(to.column)C".utf8 }
  }
}
