internal import CSQLite

/// Requests to the file of a database
/// (https://www.sqlite.org/c3ref/c_fcntl_begin_atomic_write.html).
extension Connection {
  /// The requests with one number as argument and result.
  package enum NumberControl: Sendable {
    case sizeLimit, chunkSize, lockTimeout, persistWAL, powersafeOverwrite, dataVersion
  }

  /// Sends a request with a number; returns the resulting number, or the result code if there is
  /// none.
  package func control(_ request: NumberControl, _ schema: String?, _ value: Int64) -> Int64 {
    switch request {
    case .sizeLimit:
      var number = sqlite3_int64(value)
      sqlite3_file_control(handle, schema, SQLITE_FCNTL_SIZE_LIMIT, &number)
      return number
    case .dataVersion:
      var number: UInt32 = 0
      _ = sqlite3_file_control(handle, schema, SQLITE_FCNTL_DATA_VERSION, &number)
      return Int64(number)
    case .chunkSize, .lockTimeout, .persistWAL, .powersafeOverwrite:
      var number = Int32(truncatingIfNeeded: value)
      let operation =
        switch request {
        case .chunkSize: SQLITE_FCNTL_CHUNK_SIZE
        case .lockTimeout: SQLITE_FCNTL_LOCK_TIMEOUT
        case .persistWAL: SQLITE_FCNTL_PERSIST_WAL
        default: SQLITE_FCNTL_POWERSAFE_OVERWRITE
        }
      let code = sqlite3_file_control(handle, schema, operation, &number)
      return request == .chunkSize || request == .lockTimeout ? Int64(code) : Int64(number)
    }
  }

  /// Returns whether the file was moved or deleted since it was opened.
  package func hasMoved(_ schema: String?) -> Bool {
    var answer: Int32 = 0
    sqlite3_file_control(handle, schema, SQLITE_FCNTL_HAS_MOVED, &answer)
    return answer != 0
  }

  /// Returns a name for a temporary file in SQLite's form; nil if the file has none.
  package func temporaryFileName(_ schema: String?) -> String? {
    var name: UnsafeMutablePointer<CChar>?
    sqlite3_file_control(handle, schema, SQLITE_FCNTL_TEMPFILENAME, &name)
    defer { sqlite3_free(name) }
    return name.map { String(cString: $0) }
  }

  /// Reads the number of reserved bytes at the end of each page, after setting it if `value` is not
  /// negative.
  package func reservedBytes(_ schema: String?, _ value: Int32 = -1) -> Int32 {
    var number = value
    sqlite3_file_control(handle, schema, SQLITE_FCNTL_RESERVE_BYTES, &number)
    return number
  }

  /// Returns the name of the stack of file systems below a schema; nil if there is no such schema.
  package func vfsName(_ schema: String?) -> String? {
    var name: UnsafeMutablePointer<CChar>?
    sqlite3_file_control(handle, schema, SQLITE_FCNTL_VFSNAME, &name)
    defer { sqlite3_free(name) }
    return name.map { String(cString: $0) }
  }

  /// Returns the file system that a schema is on; nil if there is none.
  package func vfs(_ schema: String?) -> FileSystem? {
    var vfs: UnsafeMutablePointer<sqlite3_vfs>?
    sqlite3_file_control(handle, schema, SQLITE_FCNTL_VFS_POINTER, &vfs)
    return vfs.map(FileSystem.init)
  }
}

/// SQLite's description of one of its file systems (https://www.sqlite.org/vfs.html).
package struct FileSystem: Sendable {
  package let name: String
  package let version: Int32
  package let fileSize: Int32
  package let longestPath: Int32
  private let identity: UInt

  init(_ vfs: UnsafeMutablePointer<sqlite3_vfs>) {
    name = vfs.pointee.zName.map { String(cString: $0) } ?? ""
    version = vfs.pointee.iVersion
    fileSize = vfs.pointee.szOsFile
    longestPath = vfs.pointee.mxPathname
    identity = UInt(bitPattern: vfs)
  }

  /// Returns whether two values are the same file system.
  package func isSame(as other: FileSystem?) -> Bool { identity == other?.identity }

  /// All registered file systems, the default first.
  package static var all: [FileSystem] {
    var result: [FileSystem] = []
    var next = sqlite3_vfs_find(nil)
    while let vfs = next {
      result.append(FileSystem(vfs))
      next = vfs.pointee.pNext
    }
    return result
  }
}
