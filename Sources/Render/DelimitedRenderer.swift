internal import Bytes
internal import SQLite

/// Writes cells with separators between them.
struct DelimitedRenderer: RowRenderer {
  private let options: RenderOptions
  private var hasHeader = false

  init(_ options: RenderOptions) { self.options = options }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    for column in 0..<statement.columnCount {
      if column > 0 { out.append(options.columnSeparator) }
      if !statement.appendCString(at: column, to: out) { out.append(options.nullValue) }
    }
    out.append(options.rowSeparator)
    sink.rowEnded()
  }
}
