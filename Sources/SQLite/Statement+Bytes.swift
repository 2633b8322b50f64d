internal import CSQLite
internal import Glibc

extension Statement {
  /// Text of a column as the bytes it is made of, also if they are no valid UTF-8; nil for NULL.
  ///
  /// Ends at the first NUL.
  package func textBytes(at column: Int) -> [UInt8]? {
    guard let text = sqlite3_column_text(handle, Int32(column)) else { return nil }
    let length = strlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self))
    return Array(UnsafeBufferPointer(start: text, count: length))
  }
}
