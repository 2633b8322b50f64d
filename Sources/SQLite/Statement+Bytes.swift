internal import CSQLite
internal import Glibc

extension Statement {
  /// Returns the text of a column as bytes, also if they are not valid UTF-8; nil for NULL.
  ///
  /// It ends at the first NUL.
  package func textBytes(at column: Int) -> [UInt8]? {
    guard let text = sqlite3_column_text(handle, Int32(column)) else { return nil }
    let length = strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
    return Array(UnsafeBufferPointer(start: text, count: length))
  }
}
