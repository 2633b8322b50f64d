internal import Bytes
internal import SQLite

/// Writes one `name = value` line for each cell.
struct LineRenderer: RowRenderer {
  private let options: RenderOptions
  /// The text before each value, made at the first row.
  private var labels: [[UInt8]] = []

  init(_ options: RenderOptions) { self.options = options }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if labels.isEmpty {
      let names = (0..<statement.columnCount).map { statement.columnName(at: $0).preservedBytes }
      // Bytes, not characters: names outside of ASCII are further left.
      let width = names.reduce(5) { max($0, $1.count) }
      labels = names.map {
        Array(repeating: UInt8(ascii: " "), count: width - $0.count) + $0 + Array(" = ".utf8)
      }
      if options.followsProgram { out.append(options.rowSeparator) }
    } else {
      out.append(options.rowSeparator)
    }
    for column in 0..<min(statement.columnCount, labels.count) {
      out.append(labels[column])
      statement.appendCell(at: column, as: .plain, null: options.nullValue, to: out)
      out.append(options.rowSeparator)
    }
    sink.rowEnded()
  }
}
