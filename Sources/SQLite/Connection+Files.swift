internal import CSQLite

/// Reads and writes a database file and its log through SQLite's own handles.
///
/// > If a process closes any file descriptor of a file, all its POSIX locks on it are dropped
/// > (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_),
/// > so nobody but SQLite may open the database file.
extension Connection {
  /// Reads `count` bytes at `offset` of the file of a schema, zeros past its end.
  package func readFile(_ schema: String = "main", at offset: Int64, count: Int) throws(SQLiteError)
    -> [UInt8]
  {
    var bytes = [UInt8](repeating: 0, count: count)
    try readFile(schema, at: offset, into: &bytes, count: count)
    return bytes
  }

  /// Reads `count` bytes at `offset` into the start of `bytes`, zeros past the file's end.
  package func readFile(
    _ schema: String = "main", at offset: Int64, into bytes: inout [UInt8], count: Int
  ) throws(SQLiteError) {
    precondition(count <= bytes.count)
    let code = bytes.withUnsafeMutableBytes { bytes in
      csqlite_file_read(handle, schema, bytes.baseAddress, Int32(count), offset)
    }
    // > If xRead() returns SQLITE_IOERR_SHORT_READ it must also fill in the unread portions with
    // > zeros.
    guard code == SQLITE_OK || code == SQLITE_IOERR | (2 << 8) else {
      throw SQLiteError(code: ResultCode(rawValue: code), message: ResultCode(rawValue: code).meaning)
    }
  }

  /// The state in the log's index
  /// (https://www.sqlite.org/walformat.html#the_wal_index_file_format).
  package enum LogIndex: Equatable, Sendable {
    /// There is no index, as outside of WAL mode.
    case absent
    /// A process changes it, or was killed while it did.
    case busy
    /// The log's salts, the number of committed frames, and how many of them the database file
    /// holds too.
    case holds(salts: (UInt32, UInt32), frames: Int, copied: Int)

    package static func == (one: LogIndex, other: LogIndex) -> Bool {
      switch (one, other) {
      case (.absent, .absent), (.busy, .busy): true
      case (.holds(let salts, let frames, let copied), .holds(let others, let count, let done)):
        salts == others && frames == count && copied == done
      default: false
      }
    }
  }

  /// Frames after those in the index may be complete and yet no commit: their writer was killed
  /// before its last step, and the next writer overwrites them.
  package func logIndex(_ schema: String = "main") -> LogIndex {
    var salts: (UInt32, UInt32) = (0, 0)
    var frames: UInt32 = 0
    var copied: UInt32 = 0
    let code = withUnsafeMutableBytes(of: &salts) {
      csqlite_log_index(
        handle, schema, $0.baseAddress?.assumingMemoryBound(to: UInt32.self), &frames, &copied)
    }
    return code == 0
      ? .absent : code < 0 ? .busy : .holds(salts: salts, frames: Int(frames), copied: Int(copied))
  }

  /// Returns the length in bytes of the file of a schema.
  package func fileSize(_ schema: String = "main") throws(SQLiteError) -> Int64 {
    var size: Int64 = 0
    let code = csqlite_file_size(handle, schema, &size)
    guard code == SQLITE_OK else {
      throw SQLiteError(code: ResultCode(rawValue: code), message: ResultCode(rawValue: code).meaning)
    }
    return size
  }

  /// Writes to the file of a schema without SQLite's knowledge.
  ///
  /// Use it only inside `BEGIN EXCLUSIVE` in a rollback mode, with a journal from which SQLite can
  /// undo it.
  package func writeFile(_ schema: String = "main", at offset: Int64, _ bytes: [UInt8]) throws(SQLiteError) {
    let code = bytes.withUnsafeBytes {
      csqlite_file_write(handle, schema, $0.baseAddress, Int32($0.count), offset)
    }
    guard code == SQLITE_OK else {
      throw SQLiteError(code: ResultCode(rawValue: code), message: ResultCode(rawValue: code).meaning)
    }
  }

  /// Sets the length of a schema's file, and syncs it; the rules of `writeFile` apply.
  package func finishFile(_ schema: String = "main", size: Int64) throws(SQLiteError) {
    let code = csqlite_file_finish(handle, schema, size)
    guard code == SQLITE_OK else {
      throw SQLiteError(code: ResultCode(rawValue: code), message: ResultCode(rawValue: code).meaning)
    }
  }

  /// The result of a checkpoint, in frames of the log; -1 if there is no log.
  package struct CheckpointResult: Sendable {
    package let framesInLog: Int
    package let framesCheckpointed: Int
  }

  package enum CheckpointMode: Int32, Sendable { case passive = 0, full, restart, truncate }

  /// Copies committed frames into the database file.
  ///
  /// The C function is `sqlite3_wal_checkpoint_v2`.
  @discardableResult
  package func checkpoint(_ mode: CheckpointMode, _ schema: String = "main") throws(SQLiteError)
    -> CheckpointResult
  {
    var log: Int32 = 0
    var done: Int32 = 0
    try check(sqlite3_wal_checkpoint_v2(handle, schema, mode.rawValue, &log, &done))
    return CheckpointResult(framesInLog: Int(log), framesCheckpointed: Int(done))
  }
}

extension Connection {
  /// Leaves the log unchanged when the last connection closes.
  ///
  /// The corresponding C call is `sqlite3_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)`.
  package func disableCheckpointOnClose(_ disabled: Bool = true) {
    csqlite_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, disabled ? 1 : 0, nil)
  }
}
