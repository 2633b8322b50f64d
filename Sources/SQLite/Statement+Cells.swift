package import Bytes
internal import CSQLite
internal import Glibc

/// Cells of the current row as text for people and programs.
///
/// Text and blobs end at their first NUL unless stated otherwise, as in programs that print C
/// strings.
extension Statement {
  /// Appends a cell in a given form; `null` is the text for NULL, in the same form.
  package func appendCell(
    at column: Int, as quoting: Quoting, null: [UInt8], separator: [UInt8] = [], to buffer: ByteBuffer
  ) {
    let cell = sqlite3_column_value(handle, Int32(column))
    switch sqlite3_value_type(cell) {
    case SQLITE_INTEGER where isPlainNumber(quoting, separator):
      buffer.append(decimal: sqlite3_value_int64(cell))
    case SQLITE_NULL:
      // In delimited text for spreadsheets, the user's text for NULL is unchanged.
      if case .csv = quoting { buffer.append(null) } else { buffer.append(null, as: quoting) }
    default:
      guard let text = sqlite3_value_text(cell) else {
        buffer.append([], as: quoting, separator: separator)
        return
      }
      if case .plain = quoting {
        buffer.append(UnsafeRawPointer(text), length(text))
      } else {
        buffer.append(text, length(text), as: quoting, separator: separator)
      }
    }
  }

  /// Appends all cells of the row with separators between them.
  package func appendRow(
    as quoting: Quoting, null: [UInt8], separator: [UInt8], to buffer: ByteBuffer
  ) {
    for column in 0..<columnCount {
      if column > 0 { buffer.append(separator) }
      appendCell(at: column, as: quoting, null: null, separator: separator, to: buffer)
    }
  }

  /// Appends all cells of the row as literals of SQL with separators between them.
  package func appendLiterals(style: LiteralStyle, separator: [UInt8], to buffer: ByteBuffer) {
    for column in 0..<columnCount {
      if column > 0 { buffer.append(separator) }
      appendLiteral(at: column, style: style, to: buffer)
    }
  }

  /// Returns whether the digits of a number never need quotes.
  private func isPlainNumber(_ quoting: Quoting, _ separator: [UInt8]) -> Bool {
    switch quoting {
    case .plain, .html: true
    case .csv: separator.count == 1 && (separator[0] < 0x30 || separator[0] > 0x39) && separator[0] != 0x2d
    default: false
    }
  }

  /// The variants of SQL literals.
  package enum LiteralStyle: Sendable {
    /// For people: infinities are `Inf`.
    case plain
    /// To run again, also by readers of single lines: `replace` writes line breaks.
    case oneLine
    /// To run again, with unchanged text.
    case exact
  }

  /// Appends a cell as a literal of SQL; a blob is written completely.
  package func appendLiteral(at column: Int, style: LiteralStyle, to buffer: ByteBuffer) {
    let cell = sqlite3_column_value(handle, Int32(column))
    switch sqlite3_value_type(cell) {
    case SQLITE_INTEGER: buffer.append(decimal: sqlite3_value_int64(cell))
    case SQLITE_FLOAT:
      let value = sqlite3_value_double(cell)
      if case .plain = style { buffer.append(real: value) } else { buffer.append(sqlNumeral: value) }
    case SQLITE_TEXT:
      guard let text = sqlite3_value_text(cell) else { return }
      if case .oneLine = style {
        buffer.append(oneLineLiteral: text, length(text))
      } else {
        buffer.append(text, length(text), as: .sql)
      }
    case SQLITE_BLOB:
      buffer.append("X'" as StaticString)
      appendHex(cell, to: buffer)
      buffer.append(UInt8(ascii: "'"))
    default: buffer.append("NULL" as StaticString)
    }
  }

  /// Appends a cell as a JSON value; a blob is written completely, as a string.
  package func appendJSON(at column: Int, to buffer: ByteBuffer) {
    let cell = sqlite3_column_value(handle, Int32(column))
    switch sqlite3_value_type(cell) {
    case SQLITE_INTEGER: buffer.append(decimal: sqlite3_value_int64(cell))
    case SQLITE_FLOAT: buffer.append(numeral: sqlite3_value_double(cell))
    case SQLITE_TEXT:
      guard let text = sqlite3_value_text(cell) else { return }
      buffer.append(text, length(text), as: .json)
    case SQLITE_BLOB:
      // If text is asked for first, SQLite takes the bytes of a UTF-16 database for UTF-16, as in
      // sqlite3.
      _ = sqlite3_value_text(cell)
      guard let bytes = sqlite3_value_blob(cell) else {
        buffer.append("\"\"" as StaticString)
        return
      }
      let count = Int(sqlite3_value_bytes(cell))
      buffer.append(bytes.assumingMemoryBound(to: UInt8.self), count, as: .json)
    default: buffer.append("null" as StaticString)
    }
  }

  /// Adds a cell to a table for a later layout; with `quote` as a literal of SQL.
  package func addCell(
    at column: Int, quote: Bool, null: [UInt8], wrap: Int, wordWrap: Bool, scratch: ByteBuffer,
    to cells: CellStore
  ) -> CellStore.Extent {
    let cell = sqlite3_column_value(handle, Int32(column))
    let kind = sqlite3_value_type(cell)
    switch kind {
    case SQLITE_INTEGER: return cells.add(sqlite3_value_int64(cell), wrap: wrap, wordWrap: wordWrap)
    case SQLITE_NULL:
      return cells.add(quote ? Array("NULL".utf8) : null, wrap: wrap, wordWrap: wordWrap)
    case SQLITE_BLOB where quote:
      scratch.removeAll()
      scratch.append("x'" as StaticString)
      appendHex(cell, to: scratch)
      scratch.append(UInt8(ascii: "'"))
    case SQLITE_TEXT where quote:
      scratch.removeAll()
      guard let text = sqlite3_value_text(cell) else { fallthrough }
      scratch.append(text, length(text), as: .sql)
    default:
      guard let text = sqlite3_value_text(cell) else {
        return cells.add([], wrap: wrap, wordWrap: wordWrap)
      }
      return cells.add(text, length(text), wrap: wrap, wordWrap: wordWrap)
    }
    return scratch.withUnsafeBytes { bytes in
      guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else {
        return cells.add([], wrap: wrap, wordWrap: wordWrap)
      }
      return cells.add(start, bytes.count, wrap: wrap, wordWrap: wordWrap)
    }
  }

  // The values are used on the thread that owns the connection and before the next step, as
  // "unprotected" requires. This avoids locking the connection for every question about a cell.

  private func appendHex(_ cell: OpaquePointer?, to buffer: ByteBuffer) {
    guard let bytes = sqlite3_value_blob(cell) else { return }
    buffer.appendHex(bytes.assumingMemoryBound(to: UInt8.self), Int(sqlite3_value_bytes(cell)))
  }

  @inline(__always)
  private func length(_ text: UnsafePointer<UInt8>) -> Int {
    strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
  }
}
