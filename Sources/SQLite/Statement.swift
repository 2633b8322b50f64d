package import Bytes
internal import CSQLite
internal import CSQLiteFiles
internal import Glibc

/// A compiled statement.
package final class Statement {
  let handle: OpaquePointer
  package let connection: Connection
  @exclusivity(unchecked) private var isRunning = false

  init(_ handle: OpaquePointer, of connection: Connection) {
    self.handle = handle
    self.connection = connection
    columnCount = Int(sqlite3_column_count(handle))
    compiledReach = connection.presentReach
    let watch = connection.isQuiet ? nil : connection.hooks.reach?.control
    let control = watch?.control ?? .none
    // Some pragmas run while they are compiled, also with EXPLAIN.
    self.control = sqlite3_stmt_isexplain(handle) == 0 || control.isPragma ? control : .none
    changesRows = watch?.changesRows == true
    changesSchema = watch?.changesSchema == true
    writesSchemaItself = watch?.writesSchema == true && !changesSchema
    isPlain = compiledReach.isMainOnly && columnCount == 0 && Self.isPlain(handle)
  }

  private let compiledReach: StatementAccess
  /// The transactions, settings and databases that it controls; `.none` if the connection does not
  /// watch this.
  package let control: StatementControl
  /// Whether it changes rows, also those of the schema, and whether it changes a schema.
  package let changesRows: Bool
  package let changesSchema: Bool
  /// Whether it may write rows of the schema directly, if the schema is writable: then the schema
  /// in memory differs.
  ///
  /// The first use of a virtual table looks the same.
  package let writesSchemaItself: Bool
  /// Whether it changes rows of the main database, has no parameters and returns no rows.
  private let isPlain: Bool
  /// Its parameters, if they were bound as values.
  @exclusivity(unchecked) private(set) var values: [Value] = []
  /// Whether text was bound that SQLite did not copy, and whose value is not kept.
  @exclusivity(unchecked) var hasBorrowed = false

  /// The objects that the statement itself touches, if the connection watches this.
  ///
  /// If SQLite compiled the statement again while it ran, everything compiled meanwhile counts.
  package var reach: StatementAccess {
    sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_REPREPARE, 0) > 0
      ? compiledReach.union(innerReach) : compiledReach
  }

  /// The objects that it touches, including those that functions and virtual tables compiled while
  /// it ran.
  ///
  /// The statements of `VACUUM` are missing, because SQLite does not report them.
  package var wholeReach: StatementAccess { compiledReach.isEmpty ? reach : compiledReach.union(innerReach) }

  /// Virtual tables write to their own tables.
  private var innerReach: StatementAccess { connection.presentReach.subtracting(.shadowTable) }

  /// The virtual machine's steps in its last run.
  package var machineSteps: Int { Int(sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_VM_STEP, 0)) }

  deinit {
    endEarly()
    sqlite3_finalize(handle)
  }

  /// The number of columns of the result; 0 for statements that return none.
  // One thread, and never lent out: not worth a check at run time for every cell.
  @exclusivity(unchecked) package private(set) var columnCount: Int

  /// Advances to the next row; false at the end.
  ///
  /// The corresponding C function is `sqlite3_step`.
  package func step() throws(SQLiteError) -> Bool {
    if isExplaining { return try stepExplaining() }
    if !isRunning {
      isRunning = true
      if let observer = connection.observer {
        if isPlain, observer.willRunPlainly(self) { return try stepPlainly(observer) }
        observer.statementWillBegin(self)
        connection.beginReach()
      }
    }
    return try didStep(sqlite3_step(handle))
  }

  /// Takes the only step of a plain statement.
  private func stepPlainly(_ observer: any ConnectionObserver) throws(SQLiteError) -> Bool {
    let before = connection.totalChanges
    connection.beginReach()
    let code = sqlite3_step(handle)
    if code == SQLITE_DONE, !connection.hasReachedFurther,
      observer.didRunPlainly(self, changes: connection.totalChanges - before)
    {
      isRunning = false
      return false
    }
    observer.statementDidBegin(self, totalChanges: before)
    return try didStep(code)
  }

  /// Whether steps return the statement's plan or program; observers of the connection do not see
  /// these.
  @exclusivity(unchecked) private var isExplaining = false

  /// Makes the next run return the statement's plan (2) or program (1), or its own rows again (0);
  /// false in libraries without this.
  ///
  /// The corresponding C function is `sqlite3_stmt_explain`, of SQLite 3.43.
  package func explain(as level: Int32) -> Bool {
    reset()
    guard csqlite_stmt_explain(handle, level) == SQLITE_OK else { return false }
    isExplaining = level > 0
    columnCount = Int(sqlite3_column_count(handle))
    return true
  }

  private func stepExplaining() throws(SQLiteError) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    guard code == SQLITE_DONE else { throw connection.error(ResultCode(rawValue: code)) }
    return false
  }

  private func didStep(_ code: Int32) throws(SQLiteError) -> Bool {
    if code == SQLITE_ROW {
      columnCount = Int(sqlite3_column_count(handle))
      return true
    }
    isRunning = false
    guard code == SQLITE_DONE else {
      let error = connection.error(ResultCode(rawValue: code))
      connection.observer?.statementDidEnd(self, code: error.code)
      throw error
    }
    connection.observer?.statementDidEnd(self, code: .done)
    return false
  }

  /// Runs to the end and ignores the rows.
  package func run() throws(SQLiteError) { while try step() {} }

  /// Makes the statement ready to run again.
  ///
  /// The corresponding C function is `sqlite3_reset`.
  package func reset() {
    endEarly()
    sqlite3_reset(handle)
  }

  private func endEarly() {
    guard isRunning else { return }
    isRunning = false
    sqlite3_reset(handle)
    connection.observer?.statementDidEnd(self, code: .ok)
  }

  // MARK: The text

  /// The corresponding C function is `sqlite3_sql`.
  package var sql: String { sqlite3_sql(handle).map { String(preservingCString: $0) } ?? "" }

  /// Whether it does not directly change the database's content.
  ///
  /// The corresponding C function is `sqlite3_stmt_readonly`, whose page lists the surprising
  /// cases.
  package var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

  /// Returns the position of the first character that is not a space.
  private static func start(_ text: UnsafePointer<CChar>) -> UnsafePointer<CChar> {
    var text = text
    while text.pointee == 0x20 || (text.pointee >= 9 && text.pointee <= 13) { text += 1 }
    return text
  }

  static func firstLetter(_ text: UnsafePointer<CChar>) -> UInt8 {
    let letter = UInt8(bitPattern: start(text).pointee) & 0xdf
    return letter >= UInt8(ascii: "A") && letter <= UInt8(ascii: "Z") ? letter : 0
  }

  /// Whether its text begins with `INSERT` or `UPDATE`: then it changes rows and no schema.
  ///
  /// Other statements may do so too.
  package var isPlainlyOfRows: Bool {
    switch sqlite3_sql(handle).map(Self.firstLetter) {
    case UInt8(ascii: "I"), UInt8(ascii: "U"): true
    default: false
    }
  }

  /// Whether its text may begin with `VACUUM`.
  package var mayBeVacuum: Bool {
    let letter = sqlite3_sql(handle).map(Self.firstLetter) ?? 0
    return letter == UInt8(ascii: "V") || letter == 0
  }

  /// Returns whether it is an `INSERT`, `UPDATE` or `DELETE` without parameters, by its first word.
  private static func isPlain(_ handle: OpaquePointer) -> Bool {
    guard let text = sqlite3_sql(handle), sqlite3_bind_parameter_count(handle) == 0 else { return false }
    switch firstLetter(text) {
    case UInt8(ascii: "I"), UInt8(ascii: "U"): return true
    // Not `DROP` and `DETACH`.
    case UInt8(ascii: "D"): return strncasecmp(start(text), "DEL", 3) == 0
    default: return false
    }
  }

  /// 0 for an ordinary statement, 1 for EXPLAIN, 2 for EXPLAIN QUERY PLAN.
  ///
  /// The corresponding C function is `sqlite3_stmt_isexplain`.
  package var explainLevel: Int { Int(sqlite3_stmt_isexplain(handle)) }

  // MARK: Parameters

  package var parameterCount: Int { Int(sqlite3_bind_parameter_count(handle)) }

  /// Returns the name of parameter `index` (from 1) with its prefix, such as `:name`; nil if it has
  /// none.
  package func parameterName(at index: Int) -> String? {
    sqlite3_bind_parameter_name(handle, Int32(index)).map { String(preservingCString: $0) }
  }

  /// What `ParameterLines` write before the values of its parameters; nil if that is unusual.
  private(set) lazy var parameterKeys = ParameterLines.keys(
    of: (0..<parameterCount).map { ParameterLines.key(parameterName(at: $0 + 1), at: $0 + 1) })

  /// Sets parameter `index` (from 1).
  ///
  /// The corresponding C functions are `sqlite3_bind_*`.
  package func bind(_ value: Value, at index: Int) throws(SQLiteError) {
    if values.isEmpty { values = Array(repeating: .null, count: parameterCount) }
    if values.indices.contains(index - 1) { values[index - 1] = value }
    let index = Int32(index)
    let code: Int32
    switch value {
    case .null: code = sqlite3_bind_null(handle, index)
    case .integer(let number): code = sqlite3_bind_int64(handle, index, number)
    case .real(let number): code = sqlite3_bind_double(handle, index, number)
    case .text(let text) where text.holdsStandIns:
      code = text.preservedBytes.withUnsafeBytes { bytes in
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        return csqlite_bind_text(handle, index, start, UInt64(bytes.count))
      }
    case .text(var text):
      code = text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { bytes in
          csqlite_bind_text(handle, index, bytes.baseAddress ?? UnsafePointer(emptyText), UInt64(bytes.count))
        }
      }
    case .blob(let bytes):
      code = bytes.withUnsafeBytes { csqlite_bind_blob(handle, index, $0.baseAddress, UInt64($0.count)) }
    }
    try connection.check(code)
  }

  /// Sets parameter `index` (from 1) to the text that bytes `range` of a buffer hold.
  package func bindText(_ buffer: ByteBuffer, _ range: Range<Int>, at index: Int) throws(SQLiteError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
    let code: Int32 = buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return SQLITE_NOMEM }
      let start = (base + range.lowerBound).assumingMemoryBound(to: CChar.self)
      return csqlite_bind_text(handle, Int32(index), start, UInt64(range.count))
    }
    try connection.check(code)
  }

  /// Clears all bindings; the corresponding C function is `sqlite3_clear_bindings`.
  package func clearBindings() {
    values = []
    hasBorrowed = false
    sqlite3_clear_bindings(handle)
  }

  // MARK: Columns

  /// Returns the name of a result column; the corresponding C function is `sqlite3_column_name`.
  package func columnName(at column: Int) -> String {
    sqlite3_column_name(handle, Int32(column)).map { String(preservingCString: $0) } ?? ""
  }

  /// Returns the declared type of a result column; nil for an expression.
  ///
  /// The C function is `sqlite3_column_decltype`.
  package func declaredType(at column: Int) -> String? {
    sqlite3_column_decltype(handle, Int32(column)).map { String(cString: $0) }
  }

  package func storageClass(at column: Int) -> StorageClass {
    switch sqlite3_column_type(handle, Int32(column)) {
    case SQLITE_INTEGER: .integer
    case SQLITE_FLOAT: .real
    case SQLITE_TEXT: .text
    case SQLITE_BLOB: .blob
    default: .null
    }
  }

  package func integer(at column: Int) -> Int64 { sqlite3_column_int64(handle, Int32(column)) }
  package func real(at column: Int) -> Double { sqlite3_column_double(handle, Int32(column)) }

  /// Returns the length in bytes of a column as text or blob.
  package func byteCount(at column: Int) -> Int { Int(sqlite3_column_bytes(handle, Int32(column))) }

  /// Appends a column as text, converted by SQLite; false for NULL.
  ///
  /// All bytes, also after an embedded NUL.
  @discardableResult
  package func appendText(at column: Int, to buffer: ByteBuffer) -> Bool {
    guard let text = sqlite3_column_text(handle, Int32(column)) else { return false }
    buffer.append(UnsafeRawPointer(text), Int(sqlite3_column_bytes(handle, Int32(column))))
    return true
  }

  /// Appends a column as text up to its first NUL, as in programs that print C strings; false for
  /// NULL.
  @discardableResult
  package func appendCString(at column: Int, to buffer: ByteBuffer) -> Bool {
    guard let text = sqlite3_column_text(handle, Int32(column)) else { return false }
    let bytes = UnsafeRawPointer(text)
    buffer.append(bytes, strlen(bytes.assumingMemoryBound(to: CChar.self)))
    return true
  }

  /// Appends the bytes of a column as a blob.
  package func appendBlob(at column: Int, to buffer: ByteBuffer) {
    guard let bytes = sqlite3_column_blob(handle, Int32(column)) else { return }
    buffer.append(bytes, Int(sqlite3_column_bytes(handle, Int32(column))))
  }

  /// Returns the text of a column; nil for NULL.
  package func text(at column: Int) -> String? {
    guard let text = sqlite3_column_text(handle, Int32(column)) else { return nil }
    let count = Int(sqlite3_column_bytes(handle, Int32(column)))
    return String(preserving: UnsafeBufferPointer(start: text, count: count))
  }

  package func blob(at column: Int) -> [UInt8] {
    guard let bytes = sqlite3_column_blob(handle, Int32(column)) else { return [] }
    return Array(
      UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, Int32(column)))))
  }

  package func value(at column: Int) -> Value {
    switch storageClass(at: column) {
    case .null: .null
    case .integer: .integer(integer(at: column))
    case .real: .real(real(at: column))
    case .text: .text(text(at: column) ?? "")
    case .blob: .blob(blob(at: column))
    }
  }
}

/// A non-null address for empty text: binding a null pointer would bind NULL.
nonisolated(unsafe) private let emptyText: UnsafeMutablePointer<CChar> = {
  // Written once before the first read.
  let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
  byte.pointee = 0
  return byte
}()
