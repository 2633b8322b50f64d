package import SQLite

/// Writes the rows of one result.
///
/// Each result has a new renderer: `begin` before the first step, `row` for every row, `end` once
/// after the last, also if there was no row or the statement failed.
package protocol RowRenderer {
  mutating func begin(_ statement: Statement, to sink: Sink)
  mutating func row(_ statement: Statement, to sink: Sink)
  mutating func end(to sink: Sink)
  /// Steps a statement through all its rows; returns what stopped it early.
  ///
  /// It is a requirement only so that the loop is compiled for each renderer.
  mutating func render(_ statement: Statement, to sink: Sink) -> SQLiteError?
}

extension RowRenderer {
  package mutating func begin(_ statement: Statement, to sink: Sink) {}
  package mutating func end(to sink: Sink) {}

  package mutating func render(_ statement: Statement, to sink: Sink) -> SQLiteError? {
    begin(statement, to: sink)
    defer { end(to: sink) }
    do throws(SQLiteError) {
      // If no reader takes the rows any more, they need not be made.
      while !sink.hasFailed, try statement.step() { row(statement, to: sink) }
    } catch {
      return error
    }
    return nil
  }
}
