internal import Bytes
package import SQLite

/// Writes an INSERT statement for each row.
package struct InsertRenderer: RowRenderer {
  private let options: RenderOptions
  private let style: Statement.LiteralStyle
  /// Everything up to the first value, made at the first row.
  private var opening: [UInt8] = []
  private let comma = [UInt8(ascii: ",")]

  init(_ options: RenderOptions) {
    self.options = options
    style = .oneLine
  }

  /// Makes a renderer for one table, whose name is quoted for SQL, with a list of columns if
  /// wanted.
  ///
  /// With `escapesLineBreaks` every statement takes one line.
  package init(into target: String, escapesLineBreaks: Bool = true) {
    options = RenderOptions()
    style = escapesLineBreaks ? .oneLine : .exact
    opening = "INSERT INTO \(target) VALUES(".preservedBytes
  }

  package mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if opening.isEmpty { opening = makeOpening(statement) }
    out.append(opening)
    statement.appendLiterals(style: style, separator: comma, to: out)
    out.append(");\n" as StaticString)
    sink.rowEnded()
  }

  private func makeOpening(_ statement: Statement) -> [UInt8] {
    var text = "INSERT INTO " + Identifier.quotedIfNeeded(options.insertTable)
    if options.headers {
      let names = (0..<statement.columnCount).map {
        Identifier.quotedIfNeeded(statement.columnName(at: $0))
      }
      text += "(" + names.joined(separator: ",") + ")"
    }
    return (text + " VALUES(").preservedBytes
  }
}
