package import SQLite

/// Writes the rows of one result.
///
/// A fresh value serves each result: `begin` before the first step, `row` on every row, `end` once after the
/// last, also where there was no row or the statement failed half way.
package protocol RowRenderer {
  mutating func begin(_ statement: Statement, to sink: Sink)
  mutating func row(_ statement: Statement, to sink: Sink)
  mutating func end(to sink: Sink)
}

extension RowRenderer {
  package mutating func begin(_ statement: Statement, to sink: Sink) {}
  package mutating func end(to sink: Sink) {}
}
