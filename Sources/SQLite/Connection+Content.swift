internal import CSQLite
internal import CSQLiteFiles

/// Databases that are not simply a file (https://www.sqlite.org/c3ref/deserialize.html).
extension Connection {
  /// The name of the file system for databases at the end of another file.
  package static let appendedFiles = "apndvfs"

  /// Returns whether a file holds a database after other content.
  package static func holdsAppendedDatabase(_ path: String) -> Bool {
    csqlite_holds_appended_database(path) != 0
  }

  /// Returns whether a file's content is a ZIP archive, or whether its name makes it one
  /// (`byName`).
  package static func holdsArchive(_ path: String, byName: Bool) -> Bool {
    if csqlite_holds_archive(path) != 0 { return true }
    return byName && path.lowercased().hasSuffix(".zip") && csqlite_file_length(path) <= 0
  }

  /// Returns all pages of a schema as SQLite sees them, for databases without a file; nil on
  /// failure.
  ///
  /// The corresponding C function is `sqlite3_serialize`.
  package func content(of schema: String) -> [UInt8]? {
    var size: sqlite3_int64 = 0
    guard let bytes = sqlite3_serialize(handle, schema, &size, 0) else { return nil }
    defer { sqlite3_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(size)))
  }

  /// Makes the content of a file the main database, in memory; an empty one if it cannot be read.
  ///
  /// It may grow to `greatestSize` bytes, if that is more than 0. The corresponding C function is
  /// `sqlite3_deserialize`.
  package func deserialize(file: String, greatestSize: Int64) throws(SQLiteError) {
    var count: Int64 = 0
    let bytes = csqlite_read_file(file, &count)
    try deserialize(bytes?.assumingMemoryBound(to: UInt8.self), count, greatestSize)
  }

  /// Makes these bytes the main database, in memory.
  ///
  /// It may grow to `greatestSize` bytes, if that is more than 0. The corresponding C function is
  /// `sqlite3_deserialize`.
  package func deserialize(_ content: [UInt8], greatestSize: Int64) throws(SQLiteError) {
    let copy = sqlite3_malloc64(UInt64(content.count))
    if let copy {
      content.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { copy.copyMemory(from: base, byteCount: bytes.count) }
      }
    }
    try deserialize(copy?.assumingMemoryBound(to: UInt8.self), Int64(content.count), greatestSize)
  }

  private func deserialize(
    _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int64, _ greatestSize: Int64
  ) throws(SQLiteError) {
    let flags = UInt32(SQLITE_DESERIALIZE_RESIZEABLE | SQLITE_DESERIALIZE_FREEONCLOSE)
    // From here on the connection owns the bytes, also if this fails.
    let code = sqlite3_deserialize(handle, "main", bytes, count, count, flags)
    guard code == SQLITE_OK else {
      throw SQLiteError(
        code: ResultCode(rawValue: code), message: "sqlite3_deserialize() returns \(code)")
    }
    if greatestSize > 0 { _ = control(.sizeLimit, "main", greatestSize) }
  }
}
