internal import Bytes
internal import SQLite

/// Writes one JSON array of objects; nothing if there are no rows.
struct JSONRenderer: RowRenderer {
  /// The text before each value, made at the first row.
  private var labels: [[UInt8]] = []
  private let opening: StaticString

  init(_ options: RenderOptions) { opening = options.followsProgram ? ",\n" : "[" }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if labels.isEmpty {
      for column in 0..<statement.columnCount {
        let label = ByteBuffer()
        label.append(column == 0 ? "{" : "," as StaticString)
        label.append(statement.columnName(at: column), as: .json)
        label.append(UInt8(ascii: ":"))
        labels.append(label.bytes)
      }
      out.append(opening)
    } else {
      out.append(",\n" as StaticString)
    }
    for column in 0..<min(statement.columnCount, labels.count) {
      out.append(labels[column])
      statement.appendJSON(at: column, to: out)
    }
    out.append(UInt8(ascii: "}"))
    sink.rowEnded()
  }

  mutating func end(to sink: Sink) {
    if !labels.isEmpty { sink.buffer.append("]\n" as StaticString) }
  }
}
