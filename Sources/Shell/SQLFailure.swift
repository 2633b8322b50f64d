internal import Bytes
internal import SQLite

/// The failure of a statement to compile or to run to its end.
package struct SQLFailure: Error {
  package enum Phase: Sendable { case prepare, step }

  package let phase: Phase
  package let code: Int32
  /// Message, code and position in the text.
  package let message: String

  /// Describes a failure of the statement that begins at byte `start` of `sql`.
  init(_ error: SQLiteError, _ phase: Phase, in sql: ByteBuffer? = nil, from start: Int = 0) {
    self.phase = phase
    code = error.code.primary.rawValue
    var message = error.message
    if code > 1 { message += " (\(code))" }
    if phase == .prepare, let sql, error.offset >= 0 {
      message += Self.context(sql, start, error.offset)
    }
    self.message = message
  }

  /// Returns the text around byte `offset` and an arrow that points at it.
  private static func context(_ sql: ByteBuffer, _ start: Int, _ offset: Int) -> String {
    var (start, offset) = (start, offset)
    let end = sql.count - 1
    guard start + offset <= end else { return "" }
    while offset > 50 {
      start += 1
      offset -= 1
      while start < end && sql[start] & 0xc0 == 0x80 {
        start += 1
        offset -= 1
      }
    }
    var stop = min(end, start + 78)
    if end - start > 78 {
      while stop > start && sql[stop] & 0xc0 == 0x80 { stop -= 1 }
    }
    var text: [UInt8] = []
    for index in start..<stop { text.append(ASCII.isSpace(sql[index]) ? 32 : sql[index]) }
    let arrow =
      offset < 25
      ? String(repeating: " ", count: max(0, offset)) + "^--- error here"
      : String(repeating: " ", count: offset - 14) + "error here ---^"
    return "\n  \(String(preserving: text))\n  \(arrow)"
  }
}
