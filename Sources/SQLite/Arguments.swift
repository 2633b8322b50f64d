internal import CSQLite

/// The arguments of one call of a function; valid only during the call.
public struct Arguments {
  let values: UnsafeMutablePointer<OpaquePointer?>?
  package let count: Int
  let context: OpaquePointer?

  @inline(__always) package subscript(index: Int) -> Argument {
    precondition(index >= 0 && index < count)
    return Argument(value: values?[index])
  }
}

/// One argument of a function; valid only during the call
/// (https://www.sqlite.org/c3ref/value_blob.html).
package struct Argument {
  let value: OpaquePointer?

  /// The corresponding C function is `sqlite3_value_type`.
  package var storageClass: StorageClass {
    switch sqlite3_value_type(value) {
    case SQLITE_INTEGER: .integer
    case SQLITE_FLOAT: .real
    case SQLITE_TEXT: .text
    case SQLITE_BLOB: .blob
    default: .null
    }
  }
  package var isNull: Bool { sqlite3_value_type(value) == SQLITE_NULL }
  /// The corresponding C function is `sqlite3_value_int64`.
  package var integer: Int64 { sqlite3_value_int64(value) }
  /// The corresponding C function is `sqlite3_value_int`: the low 32 bits.
  package var int32: Int32 { sqlite3_value_int(value) }
  /// The corresponding C function is `sqlite3_value_double`.
  package var real: Double { sqlite3_value_double(value) }

  /// Lends the value as text, with the length that SQLite knows; nil for NULL.
  ///
  /// The corresponding C function is `sqlite3_value_text`.
  @inline(__always)
  package func withText<Result>(_ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result {
    guard let text = sqlite3_value_text(value) else { return try body(nil) }
    return try body(UnsafeRawBufferPointer(start: text, count: Int(sqlite3_value_bytes(value))))
  }

  /// Lends the bytes of the value; none for NULL and for an empty value.
  ///
  /// The corresponding C function is `sqlite3_value_blob`.
  @inline(__always)
  package func withBlob<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let bytes = sqlite3_value_blob(value)
    return try body(
      UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : Int(sqlite3_value_bytes(value))))
  }

  /// The value as text; nil for NULL.
  package var text: [UInt8]? { withText { $0.map(Array.init) } }

  /// The value as text up to its first zero byte; nil for NULL.
  package var cText: [UInt8]? { withText { text in text.map { Array($0.prefix { $0 != 0 }) } } }
}
