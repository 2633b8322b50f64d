internal import Bytes
internal import SQLite

/// Writes EXPLAIN QUERY PLAN as a tree.
struct QueryPlanRenderer: RowRenderer {
  private var tree = QueryPlanTree()

  mutating func row(_ statement: Statement, to sink: Sink) {
    let text = ByteBuffer(capacity: 64)
    statement.appendCString(at: 3, to: text)
    tree.append(
      id: Int(statement.integer(at: 0)), parent: Int(statement.integer(at: 1)), text: text.bytes)
  }

  mutating func end(to sink: Sink) { tree.render(to: sink.buffer) }
}
