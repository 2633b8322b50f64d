package import Bytes
internal import CSQLite
internal import Glibc

extension Statement {
  /// Bytes of the text.
  package var sqlLength: Int { sqlite3_sql(handle).map(strlen) ?? 0 }

  /// Appends the first bytes of the text unchanged.
  package func appendSQL(_ count: Int, to buffer: ByteBuffer) {
    if let text = sqlite3_sql(handle) { buffer.append(UnsafeRawPointer(text), count) }
  }

  /// Appends a part of the text unchanged.
  package func appendSQL(_ range: Range<Int>, to buffer: ByteBuffer) {
    if let text = sqlite3_sql(handle) {
      buffer.append(UnsafeRawPointer(text + range.lowerBound), range.count)
    }
  }

  /// Appends the text to `sql`, and the lines that set its parameters to `lines`.
  ///
  /// Returns false if a value cannot be written, or if SQLite could not make the text (out of
  /// memory, or longer than its length limit). The rows of `.import` are bound without a copy:
  /// SQLite writes them into the text, which is an `INSERT … VALUES(?,…)` of this program, in which
  /// a literal is stored like a bound value.
  package func appendRecorded(to sql: ByteBuffer, parameters lines: ByteBuffer) -> Bool {
    if hasBorrowed {
      guard let expanded = sqlite3_expanded_sql(handle) else { return false }
      defer { sqlite3_free(expanded) }
      sql.append(UnsafeRawPointer(expanded), strlen(expanded))
      return true
    }
    appendSQL(sqlLength, to: sql)
    let count = parameterCount
    guard count > 0 else { return true }
    return ParameterLines.append(
      (0..<count).map { index in
        (
          ParameterLines.key(parameterName(at: index + 1), at: index + 1),
          values.indices.contains(index) ? values[index] : .null
        )
      }, to: lines)
  }
}
