internal import Bytes
internal import SQLite

/// Writes rows of an HTML table, without the `<TABLE>` around them.
struct HTMLRenderer: RowRenderer {
  private let options: RenderOptions
  private var showsHeader: Bool

  init(_ options: RenderOptions) {
    self.options = options
    showsHeader = options.headers && !options.followsProgram
  }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if showsHeader {
      showsHeader = false
      out.append("<TR>" as StaticString)
      for column in 0..<statement.columnCount {
        out.append("<TH>" as StaticString)
        out.append(statement.columnName(at: column), as: .html)
        out.append("</TH>\n" as StaticString)
      }
      out.append("</TR>\n" as StaticString)
    }
    out.append("<TR>" as StaticString)
    for column in 0..<statement.columnCount {
      out.append("<TD>" as StaticString)
      statement.appendCell(at: column, as: .html, null: options.nullValue, to: out)
      out.append("</TD>\n" as StaticString)
    }
    out.append("</TR>\n" as StaticString)
    sink.rowEnded()
  }
}
