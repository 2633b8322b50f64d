internal import Bytes
internal import SQLite

/// Writes the number of rows; nothing if there were none.
struct CountRenderer: RowRenderer {
  private var rows: Int64 = 0

  mutating func row(_ statement: Statement, to sink: Sink) { rows += 1 }

  mutating func end(to sink: Sink) {
    guard rows > 0 else { return }
    sink.buffer.append(decimal: rows)
    sink.buffer.append(rows == 1 ? " row\n" : " rows\n" as StaticString)
  }
}

/// Writes nothing.
struct SilentRenderer: RowRenderer {
  mutating func row(_ statement: Statement, to sink: Sink) {}
}
