internal import Bytes
internal import CSQLite

/// Takes the result of a function or of a virtual table's column
/// (https://www.sqlite.org/c3ref/result_blob.html).
///
/// NULL if nothing is set. Valid only during the call.
public struct FunctionResult {
  let context: OpaquePointer?

  @inline(__always) package func set(_ value: Int64) { sqlite3_result_int64(context, value) }
  package func setNull() { sqlite3_result_null(context) }
  package func set(_ value: Double) { sqlite3_result_double(context, value) }

  /// Returns the argument itself, of any class.
  package func set(_ argument: Argument) { sqlite3_result_value(context, argument.value) }

  package func set(text bytes: UnsafeRawBufferPointer) {
    csqlite_result_text(context, bytes.baseAddress, UInt64(bytes.count))
  }
  package func set(_ value: Value) {
    switch value {
    case .null: setNull()
    case .integer(let number): set(number)
    case .real(let number): set(number)
    case .text(let text): set(text: text)
    case .blob(let bytes): set(blob: bytes)
    }
  }

  package func set(text bytes: [UInt8]) { bytes.withUnsafeBytes { set(text: $0) } }
  package func set(text: String) { set(text: text.preservedBytes) }
  package func set(blob bytes: UnsafeRawBufferPointer) {
    csqlite_result_blob(context, bytes.baseAddress, UInt64(bytes.count))
  }
  package func set(blob bytes: [UInt8]) { bytes.withUnsafeBytes { set(blob: $0) } }

  /// Makes a blob of `count` bytes the result, and lends them to be filled at once; nil if there is
  /// no memory.
  package func blob(count: Int) -> UnsafeMutableRawBufferPointer? {
    guard let bytes = sqlite3_malloc64(UInt64(max(count, 1))) else {
      setNoMemory()
      return nil
    }
    // > the result is not copied
    sqlite3_result_blob64(context, bytes, UInt64(count)) { sqlite3_free($0) }
    return UnsafeMutableRawBufferPointer(start: bytes, count: count)
  }

  /// Ends the statement with an error.
  package func fail(_ message: String) {
    let bytes = message.preservedBytes
    bytes.withUnsafeBytes { bytes in
      sqlite3_result_error(
        context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
    }
  }
  package func fail(_ code: ResultCode) { sqlite3_result_error_code(context, code.rawValue) }
  package func setTooBig() { sqlite3_result_error_toobig(context) }
  package func setNoMemory() { sqlite3_result_error_nomem(context) }

  /// The connection's maximum size of a text or blob.
  package var greatestLength: Int {
    Int(sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1))
  }

  /// Whether a column's value is only needed to be returned unchanged.
  ///
  /// The corresponding C function is `sqlite3_vtab_nochange`.
  package var isForNoChange: Bool { sqlite3_vtab_nochange(context) != 0 }

  // MARK: What is kept between calls

  /// Returns a cached object for argument `index`, or makes it; nil if it cannot be made.
  ///
  /// SQLite keeps it between calls of the same statement with the same argument, and may drop it at
  /// any time. The corresponding C function is `sqlite3_set_auxdata`.
  package func kept<Kept: AnyObject>(for index: Int, make: () -> Kept?) -> Kept? {
    if let old = sqlite3_get_auxdata(context, Int32(index)) {
      return Unmanaged<Kept>.fromOpaque(old).takeUnretainedValue()
    }
    guard let made = make() else { return nil }
    sqlite3_set_auxdata(context, Int32(index), Unmanaged.passRetained(made).toOpaque()) { old in
      if let old { Unmanaged<AnyObject>.fromOpaque(old).release() }
    }
    return made
  }

  /// Compiles a statement on the calling connection, from text that ends with a zero byte; also
  /// returns the byte after it.
  ///
  /// It has no observer. Throws SQLite's message. Must be called in the call of a function.
  package func prepare(_ sql: UnsafeRawBufferPointer, from start: Int) throws(SQLiteError) -> (
    InnerStatement?, next: Int
  ) {
    let database = sqlite3_context_db_handle(context)
    guard let base = sql.baseAddress?.assumingMemoryBound(to: CChar.self) else { return (nil, start) }
    var compiled: OpaquePointer?
    var tail: UnsafePointer<CChar>?
    let code = sqlite3_prepare_v2(database, base + start, -1, &compiled, &tail)
    let next = tail.map { $0 - base } ?? sql.count
    let box = sqlite3_user_data(context).map { Unmanaged<FunctionBox>.fromOpaque($0).takeUnretainedValue() }
    guard code == SQLITE_OK else {
      if code != SQLITE_ERROR { box?.outside.latest = InnerStatement.failed(in: box) }
      throw SQLiteError(
        code: ResultCode(rawValue: code), message: String(preservingCString: sqlite3_errmsg(database)),
        offset: next)
    }
    return (compiled.map { InnerStatement(handle: $0, within: box) }, next)
  }
}

/// A statement that a function runs on the calling connection.
package final class InnerStatement {
  private let handle: OpaquePointer
  private let box: FunctionBox?
  init(handle: OpaquePointer, within box: FunctionBox?) {
    self.handle = handle
    self.box = box
  }
  deinit { sqlite3_finalize(handle) }

  package var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }
  package var columnCount: Int { Int(sqlite3_column_count(handle)) }
  /// The text it was compiled from.
  package var sql: [UInt8] { Array(String(preservingCString: sqlite3_sql(handle)).preservedBytes) }
  /// Moves to the next row; false at the end, and after a failure.
  ///
  /// The cause of a failure may be outside of the database: an interrupt, a lock, a full disk.
  package func step() -> Bool {
    let code = sqlite3_step(handle)
    if code != SQLITE_ROW, code != SQLITE_DONE { box?.outside.latest = Self.failed(in: box) }
    return code == SQLITE_ROW
  }

  static func failed(in box: FunctionBox?) -> String { "\(box?.name ?? "")(), whose query failed" }

  /// Returns a value of the current row.
  package func value(_ column: Int) -> Argument {
    Argument(value: sqlite3_column_value(handle, Int32(column)))
  }
}
