package import SQLite

/// Writes the rows of one result.
///
/// A fresh value serves each result: `begin` before the first step, `row` on every row, `end` once after the
/// last, also if there was no row or the statement failed half way.
package protocol RowRenderer {
  mutating func begin(_ statement: Statement, to sink: Sink)
  mutating func row(_ statement: Statement, to sink: Sink)
  mutating func end(to sink: Sink)
  /// Steps a statement through all its rows; returns what stopped it early.
  ///
  /// A requirement only so that the loop is compiled for each renderer: nobody writes another one.
  mutating func render(_ statement: Statement, to sink: Sink) -> SQLiteError?
}

extension RowRenderer {
  package mutating func begin(_ statement: Statement, to sink: Sink) {}
  package mutating func end(to sink: Sink) {}

  package mutating func render(_ statement: Statement, to sink: Sink) -> SQLiteError? {
    begin(statement, to: sink)
    defer { end(to: sink) }
    do throws(SQLiteError) {
      // Where nobody takes the rows any more, there is no need to make them.
      while !sink.hasFailed, try statement.step() { row(statement, to: sink) }
    } catch {
      return error
    }
    return nil
  }
}
