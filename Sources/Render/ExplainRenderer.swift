internal import Bytes
internal import SQLite

/// Writes the program of a statement (EXPLAIN) in columns of fixed width, with indented loops.
struct ExplainRenderer: RowRenderer {
  private static let widths = [4, 13, 4, 4, 4, 13, 2, 13]
  /// The column with the name of the instruction.
  private static let opcode = 1
  private let options: RenderOptions
  private var indents: [Int] = []
  private var row = 0
  /// The text for NULL, cut to the width of each column except the last.
  private let nulls: [[UInt8]]

  init(_ options: RenderOptions) {
    self.options = options
    nulls = Self.widths.indices.map { column in
      column == Self.widths.count - 1
        ? options.nullValue : DisplayWidth.prefix(of: options.nullValue, width: Self.widths[column])
    }
  }

  mutating func begin(_ statement: Statement, to sink: Sink) {
    if statement.explainLevel == 1 { indents = ProgramIndent.read(statement) }
  }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    let count = min(statement.columnCount, Self.widths.count)
    if row == 0 && !options.followsProgram {
      for column in 0..<count {
        appendName(statement.columnName(at: column), width: Self.widths[column], to: out)
        out.append(column == count - 1 ? "\n" : "  " as StaticString)
      }
      for column in 0..<count {
        out.append(repeating: UInt8(ascii: "-"), count: Self.widths[column])
        out.append(column == count - 1 ? "\n" : "  " as StaticString)
      }
    }
    for column in 0..<count {
      if column == Self.opcode && row < indents.count {
        out.append(repeating: UInt8(ascii: " "), count: indents[row])
      }
      let start = out.count
      statement.appendCell(
        at: column, as: .plain, null: column < count - 1 ? nulls[column] : options.nullValue, to: out)
      if column < count - 1 {
        let width = DisplayWidth.of(out, from: start)
        let isWider = Dialect.current.widensBytecode && width > Self.widths[column]
        out.append(repeating: UInt8(ascii: " "), count: Self.widths[column] - width)
        out.append(isWider ? " " : "  " as StaticString)
      }
    }
    out.append(UInt8(ascii: "\n"))
    row += 1
    sink.rowEnded()
  }

  private func appendName(_ name: String, width: Int, to out: ByteBuffer) {
    let shown = String(String.UnicodeScalarView(name.unicodeScalars.prefix(width)))
    out.append(shown)
    out.append(repeating: UInt8(ascii: " "), count: width - shown.unicodeScalars.count)
  }
}

/// The width of text as in sqlite3: one for each code point.
enum DisplayWidth {
  /// Returns the first characters that fit.
  static func prefix(of text: [UInt8], width: Int) -> [UInt8] {
    var width = width
    return Array(
      text.prefix { byte in
        if byte & 0xc0 != 0x80 { width -= 1 }
        return width >= 0
      })
  }

  /// Returns the width of a buffer's content from `start` on.
  static func of(_ buffer: ByteBuffer, from start: Int) -> Int {
    var width = 0
    for index in start..<buffer.count where buffer[index] & 0xc0 != 0x80 { width += 1 }
    return width
  }
}
