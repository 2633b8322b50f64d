internal import CSQLite
internal import CSQLiteFiles

/// The version of the SQLite library.
package enum LibraryVersion {
  /// Number such as `3.40.1`.
  ///
  /// The corresponding C function is `sqlite3_libversion`.
  package static var number: String { String(cString: sqlite3_libversion()) }
  /// Date and hash of the source.
  ///
  /// The corresponding C function is `sqlite3_sourceid`.
  package static var source: String { String(cString: sqlite3_sourceid()) }
}

/// Options of the whole library, before the first connection.
package enum LibraryOptions {
  /// Makes this VFS the default; returns false if there is none of this name.
  package static func useVFS(_ name: String) -> Bool {
    guard let vfs = sqlite3_vfs_find(name) else { return false }
    sqlite3_vfs_register(vfs, 1)
    return true
  }

  /// Makes SQLite keep small blocks of memory in lists, which is faster than the general allocator.
  package static func useSmallBlocks() { csqlite_use_small_blocks() }

  /// Sets the default and maximum size of memory maps.
  ///
  /// The option is `SQLITE_CONFIG_MMAP_SIZE`.
  package static func setMemoryMap(_ bytes: Int64) {
    sqlite3_shutdown()
    csqlite_config_two_int64(SQLITE_CONFIG_MMAP_SIZE, bytes, bytes)
  }

  /// Sets lookaside memory of all connections.
  ///
  /// The option is `SQLITE_CONFIG_LOOKASIDE`.
  package static func setLookaside(size: Int32, count: Int32) {
    sqlite3_shutdown()
    csqlite_config_two_int(SQLITE_CONFIG_LOOKASIDE, size, count)
  }

  /// Sets memory for the page cache, which SQLite then allocates itself.
  ///
  /// The option is `SQLITE_CONFIG_PAGECACHE`.
  package static func setPageCache(size: Int32, count: Int32) {
    sqlite3_shutdown()
    csqlite_config_page_cache(size, count)
  }

  /// Sets the locking of threads: 0 none, 1 full, 2 per connection.
  package static func setThreading(_ mode: Int32) {
    sqlite3_shutdown()
    switch mode {
    case 0: csqlite_config_int(SQLITE_CONFIG_SINGLETHREAD, 0)
    case 2: csqlite_config_int(SQLITE_CONFIG_MULTITHREAD, 0)
    default: csqlite_config_int(SQLITE_CONFIG_SERIALIZED, 0)
    }
  }

  /// Writes a line to standard error for each request to the page cache from now on.
  package static func tracePageCache() {
    sqlite3_shutdown()
    csqlite_trace_pages()
  }

  /// Gives views a column `rowid`, or none.
  ///
  /// The option is `SQLITE_CONFIG_ROWID_IN_VIEW`, of SQLite 3.46.
  package static func hideRowIDsOfViews() {
    sqlite3_shutdown()
    var isOn: Int32 = 0
    csqlite_config_pointer(30, &isOn)
  }

  /// Registers the file system `apndvfs`, for databases at the end of another file.
  package static func registerAppendedFiles() { csqlite_register_appended_files() }

  /// Writes a line to standard error for each allocation from now on.
  package static func traceMemory() {
    sqlite3_shutdown()
    csqlite_trace_memory()
  }
}
