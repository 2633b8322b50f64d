package import Bytes
internal import CSQLite
internal import CSQLiteFiles

extension Connection {
  /// Compiles the first statement of a buffer at or after byte `start`, without copying the text.
  ///
  /// The buffer must end with a zero byte and must not change meanwhile. Returns the same as
  /// `prepare(_:from:persistent:)`. The corresponding C function is `sqlite3_prepare_v2`.
  package func prepare(_ sql: ByteBuffer, from start: Int) throws(SQLiteError) -> (
    statement: Statement?, next: Int
  ) {
    precondition(start < sql.count && sql[sql.count - 1] == 0)
    var compiled: OpaquePointer?
    var next = sql.count - 1
    beginReach()
    let code: Int32 = sql.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return SQLITE_OK }
      var tail: UnsafePointer<CChar>?
      let code = sqlite3_prepare_v2(handle, base + start, -1, &compiled, &tail)
      if let tail { next = tail - base }
      keepToHeapLimit(base + start)
      return code
    }
    guard code == SQLITE_OK else { throw didNotCompile(code) }
    return (compiled.map { Statement($0, of: self) }, next)
  }

  func didNotCompile(_ code: Int32) -> SQLiteError {
    if code == SQLITE_INTERRUPT { noteInterruptedSchema() }
    return error(ResultCode(rawValue: code))
  }

  /// Whether SQLite runs a statement of its own over the schema: only those have no text.
  var isReadingSchema: Bool {
    var next = sqlite3_next_stmt(handle, nil)
    while let statement = next {
      if sqlite3_stmt_busy(statement) != 0, sqlite3_sql(statement) == nil { return true }
      next = sqlite3_next_stmt(handle, statement)
    }
    return false
  }

  /// Notes an interruption while the schema is read: SQLite 3.40 continues with the part that it
  /// has read.
  ///
  /// Triggers and indexes may then be missing, only in this connection.
  func noteInterruptedSchema() {
    guard hooks.reach != nil, peculiarity == nil else { return }
    peculiarity = "SQLite may have read only part of the schema when it was interrupted"
  }

  /// Notifies the allocator of a limit that `PRAGMA hard_heap_limit` sets while it is compiled
  /// (https://www.sqlite.org/pragma.html#pragma_hard_heap_limit).
  func keepToHeapLimit(_ text: UnsafePointer<CChar>) {
    switch Statement.firstLetter(text) {
    // The first letter of PRAGMA or EXPLAIN, or a comment.
    case UInt8(ascii: "P"), UInt8(ascii: "E"), 0: csqlite_keep_to_heap_limit()
    default: return
    }
  }
}
