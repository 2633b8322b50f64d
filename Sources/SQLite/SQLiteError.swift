/// The error of a call of SQLite.
package struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The extended result code.
  package let code: ResultCode
  /// SQLite's own message, from `sqlite3_errmsg`.
  package let message: String
  /// Byte offset of the offending token in the statement's text; -1 if unknown.
  ///
  /// The corresponding C function is `sqlite3_error_offset`.
  package let offset: Int

  package init(code: ResultCode, message: String, offset: Int = -1) {
    self.code = code
    self.message = message
    self.offset = offset
  }

  /// Whether another connection was in the way.
  package var isBusy: Bool { code.primary == .busy || code.primary == .locked }

  package var description: String { message }
}
