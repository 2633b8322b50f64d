package import Bytes
internal import CSQLite
internal import Glibc

extension Statement {
  /// Sets parameter `index` (from 1) to the text at `offset` of a buffer, up to its first zero
  /// byte.
  ///
  /// SQLite does not copy the text: the buffer must not change until the statement ran to its end
  /// and has new values. There must be a zero byte.
  package func bindBorrowedText(_ buffer: ByteBuffer, from offset: Int, at index: Int) throws(SQLiteError) {
    precondition(offset < buffer.count && buffer[buffer.count - 1] == 0)
    hasBorrowed = true
    let code: Int32 = buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return SQLITE_NOMEM }
      let text = (base + offset).assumingMemoryBound(to: CChar.self)
      return sqlite3_bind_text(handle, Int32(index), text, Int32(truncatingIfNeeded: strlen(text)), nil)
    }
    try connection.check(code)
  }

  /// Sets parameter `index` (from 1) to NULL.
  ///
  /// The corresponding C function is `sqlite3_bind_null`.
  package func bindNull(at index: Int) throws(SQLiteError) {
    hasBorrowed = true
    try connection.check(sqlite3_bind_null(handle, Int32(index)))
  }

  /// Sets parameter `index` (from 1) to a number, which is not recorded.
  ///
  /// The corresponding C function is `sqlite3_bind_int64`.
  package func bindInteger(_ number: Int64, at index: Int) throws(SQLiteError) {
    try connection.check(sqlite3_bind_int64(handle, Int32(index), number))
  }
}
