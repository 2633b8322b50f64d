internal import Bytes
internal import CSQLite
internal import Glibc

/// An open database.
///
/// This target wraps libsqlite3: `Connection` opens a database, `Statement` runs SQL, `Value` is a
/// value, and `ConnectionObserver` sees each statement. `ReplayRules`, `StatementAccess` and
/// `StatementControl` decide what the statement log can replay. Nothing here opens files by path,
/// except through SQLite, and nothing prints.
///
/// A connection belongs to one thread at a time; only its `interruptHandle` may be used elsewhere.
///
///     let connection = try Connection("shop.db")
///     try connection.execute("CREATE TABLE sale(item, price)")
///     let rows = try connection.rows("SELECT item FROM sale WHERE price > ?1", [.integer(5)])
package final class Connection {
  let handle: OpaquePointer
  /// The name that it was opened with; empty for a temporary database.
  package let path: String
  /// Learns of every statement.
  ///
  /// It is not owned, and must remove itself before it is released.
  ///
  /// It is not weak, because objects with weak references are slow to retain, and both ends are
  /// retained for every statement.
  package var observer: (any ConnectionObserver)? {
    get { known }
    set {
      precondition(known == nil || newValue == nil, "a connection has one observer")
      known = newValue
    }
  }
  private unowned(unsafe) var known: (any ConnectionObserver)?
  let hooks = Hooks()
  /// This program's functions that use only their arguments and the database, in lower case.
  var ownFunctions: Set<String> = []
  /// Its functions and virtual tables that reached outside of the database.
  package let outsideReach = OutsideReach()
  /// Rises whenever something other than a statement changes the effect of statements.
  package internal(set) var settingsVersion = 0
  /// The reason why another connection could not repeat statements from now on; nil if it could.
  package internal(set) var peculiarity: String? { didSet { settingsVersion &+= 1 } }
  /// Whether limits were set, with which statements may fail that succeed elsewhere.
  package internal(set) var hasOwnLimits = false { didSet { settingsVersion &+= 1 } }
  /// Marks everything from now on as not repeatable.
  package func makePeculiar(_ reason: String) {
    if peculiarity == nil { peculiarity = reason }
  }
  private var isClosed = false

  /// The way to open a database (https://www.sqlite.org/c3ref/c_open_autoproxy.html).
  package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let readOnly = OpenFlags(rawValue: SQLITE_OPEN_READONLY)
    package static let readWrite = OpenFlags(rawValue: SQLITE_OPEN_READWRITE)
    package static let create = OpenFlags(rawValue: SQLITE_OPEN_CREATE)
    package static let uri = OpenFlags(rawValue: SQLITE_OPEN_URI)
    package static let noFollow = OpenFlags(rawValue: SQLITE_OPEN_NOFOLLOW)
    package static let memory = OpenFlags(rawValue: SQLITE_OPEN_MEMORY)
    package static let noMutex = OpenFlags(rawValue: SQLITE_OPEN_NOMUTEX)
    package static let fullMutex = OpenFlags(rawValue: SQLITE_OPEN_FULLMUTEX)
  }

  /// Opens a database.
  ///
  /// The file is created at the first write. The corresponding C function is `sqlite3_open_v2`.
  package init(
    _ path: String, _ flags: OpenFlags = [.readWrite, .create], vfs: String? = nil
  ) throws(SQLiteError) {
    var database: OpaquePointer?
    // A connection has one thread at a time, so SQLite need not lock it for every call.
    let flags = flags.contains(.fullMutex) ? flags : flags.union(.noMutex)
    let name = (path.preservedBytes + [0]).map { CChar(bitPattern: $0) }
    let code = sqlite3_open_v2(name, &database, flags.rawValue, vfs)
    guard let database else {
      throw SQLiteError(code: .noMemory, message: "out of memory")
    }
    guard code == SQLITE_OK else {
      let error = Self.error(of: database, code: ResultCode(rawValue: code))
      sqlite3_close_v2(database)
      throw error
    }
    handle = database
    self.path = path
    sqlite3_extended_result_codes(database, 0)
  }

  /// Wraps the connection of a virtual table; its owner closes it.
  init(borrowing handle: OpaquePointer) {
    self.handle = handle
    path = ""
    isClosed = true
  }

  deinit { close() }

  /// Closes the connection.
  ///
  /// Further calls fail.
  ///
  /// The corresponding C function is `sqlite3_close_v2`.
  package func close() {
    guard !isClosed else { return }
    isClosed = true
    observer?.connectionWillClose(self)
    sqlite3_close_v2(handle)
  }

  // MARK: Statements

  /// Compiles the first statement of `sql` at or after byte `start`.
  ///
  /// The array should end with a zero byte; otherwise SQLite copies the text. Returns no statement
  /// for white space and comments. `next` is the byte after the compiled text. The corresponding C
  /// function is `sqlite3_prepare_v3`.
  package func prepare(
    _ sql: [UInt8], from start: Int = 0, persistent: Bool = false
  ) throws(SQLiteError) -> (statement: Statement?, next: Int) {
    var compiled: OpaquePointer?
    var next = sql.count
    let flags = UInt32(persistent ? SQLITE_PREPARE_PERSISTENT : 0)
    beginReach()
    let code: Int32 = sql.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, start < bytes.count else { return SQLITE_OK }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { base in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(
          handle, base + start, Int32(bytes.count - start), flags, &compiled, &tail)
        if let tail { next = tail - base }
        keepToHeapLimit(base + start)
        return code
      }
    }
    guard code == SQLITE_OK else { throw didNotCompile(code) }
    return (compiled.map { Statement($0, of: self) }, next)
  }

  /// Compiles the first statement of a part of an array that another byte follows; nil if there is
  /// none.
  ///
  /// Long text is not copied if that byte is zero. The corresponding C function is
  /// `sqlite3_prepare_v3`.
  package func prepare(_ sql: [UInt8], _ range: Range<Int>) throws(SQLiteError) -> Statement? {
    precondition(range.lowerBound >= 0 && range.upperBound <= sql.count)
    var compiled: OpaquePointer?
    beginReach()
    let code: Int32 = sql.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, !range.isEmpty else { return SQLITE_OK }
      let isEnded = range.upperBound < bytes.count && bytes[range.upperBound] == 0
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { base in
        sqlite3_prepare_v3(
          handle, base + range.lowerBound, Int32(clamping: range.count + (isEnded ? 1 : 0)), 0, &compiled, nil
        )
      }
    }
    guard code == SQLITE_OK else { throw didNotCompile(code) }
    return compiled.map { Statement($0, of: self) }
  }

  /// Compiles one statement.
  ///
  /// Throws if the text holds none.
  package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
    guard let statement = try prepare(sql.preservedBytes + [0]).statement else {
      throw SQLiteError(code: .misuse, message: "not a statement: \(sql)")
    }
    return statement
  }

  /// Runs every statement of a script and ignores the rows.
  package func execute(_ sql: String) throws(SQLiteError) {
    let bytes = sql.preservedBytes + [0]
    var at = 0
    while at < bytes.count - 1 {
      let (statement, next) = try prepare(bytes, from: at)
      if let statement { while try statement.step() {} }
      at = next
    }
  }

  /// Returns the rows of one statement, as values.
  package func rows(_ sql: String, _ parameters: [Value] = []) throws(SQLiteError) -> [[Value]] {
    let statement = try prepare(sql)
    for (index, value) in parameters.enumerated() { try statement.bind(value, at: index + 1) }
    var rows: [[Value]] = []
    while try statement.step() {
      rows.append((0..<statement.columnCount).map { statement.value(at: $0) })
    }
    return rows
  }

  /// Returns the first value of the first row; nil if there is no row.
  package func value(_ sql: String, _ parameters: [Value] = []) throws(SQLiteError) -> Value? {
    try rows(sql, parameters).first?.first
  }

  // MARK: State

  /// The corresponding C function is `sqlite3_get_autocommit`.
  package var isInAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }
  /// Rows changed by the last statement that changes rows.
  ///
  /// The corresponding C function is `sqlite3_changes64`.
  package var changes: Int64 { sqlite3_changes64(handle) }
  /// The corresponding C function is `sqlite3_total_changes64`.
  package var totalChanges: Int64 { sqlite3_total_changes64(handle) }
  /// The corresponding C function is `sqlite3_last_insert_rowid`.
  package var lastInsertRowID: Int64 {
    get { sqlite3_last_insert_rowid(handle) }
    set { sqlite3_set_last_insert_rowid(handle, newValue) }
  }
  /// The corresponding C function is `sqlite3_interrupt`.
  package var interruptHandle: InterruptHandle { InterruptHandle(handle) }

  /// Returns the absolute name of a database's file; empty for temporary and in-memory databases,
  /// nil if there is no such schema.
  ///
  /// The corresponding C function is `sqlite3_db_filename`.
  package func fileName(of schema: String = "main") -> String? {
    sqlite3_db_filename(handle, schema).map { String(preservingCString: $0) }
  }

  /// Returns whether a database is read-only; nil if there is no such schema.
  ///
  /// The corresponding C function is `sqlite3_db_readonly`.
  package func isReadOnly(_ schema: String = "main") -> Bool? {
    switch sqlite3_db_readonly(handle, schema) {
    case 0: false
    case 1: true
    default: nil
    }
  }

  /// Returns whether a read or write transaction is open on a schema: 0 none, 1 read, 2 write.
  ///
  /// The corresponding C function is `sqlite3_txn_state`.
  package func transactionState(_ schema: String? = nil) -> Int { Int(sqlite3_txn_state(handle, schema)) }

  /// Waits up to this many milliseconds for locks.
  ///
  /// The corresponding C function is `sqlite3_busy_timeout`.
  package func releaseMemory() { sqlite3_db_release_memory(handle) }

  package func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

  // MARK: Errors

  /// Returns the error that a call which returned `code` left on the connection.
  package func error(_ code: ResultCode) -> SQLiteError { Self.error(of: handle, code: code) }

  private static func error(of handle: OpaquePointer, code: ResultCode) -> SQLiteError {
    let extended = ResultCode(rawValue: sqlite3_extended_errcode(handle))
    var message = String(preservingCString: sqlite3_errmsg(handle))
    if code.primary == .ioError || code.primary == .cantOpen || code.primary == .error,
      let cause = ReadOnlyFiles.takeFailure()
    {
      message += ": \(cause)"
    }
    return SQLiteError(
      code: extended.primary == code.primary ? extended : code, message: message,
      offset: Int(sqlite3_error_offset(handle)))
  }

  func check(_ code: Int32) throws(SQLiteError) {
    guard code == SQLITE_OK else { throw error(ResultCode(rawValue: code)) }
  }
}

extension String {
  /// Decodes a C string so that no byte is lost.
  init(preservingCString text: UnsafePointer<CChar>) {
    let count = strlen(text)
    self = text.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(preserving: UnsafeBufferPointer(start: $0, count: count))
    }
  }
}
