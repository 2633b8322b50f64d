internal import CSQLite

/// Switches inside SQLite for its own tests (https://www.sqlite.org/c3ref/test_control.html).
///
/// No application should need them.
extension Connection {
  /// Requests with one number.
  package enum NumberTest: Sendable { case always, assert, localTimeFault, neverCorrupt, pendingByte }

  /// Sends a request with a number; returns the result.
  package static func test(_ request: NumberTest, _ value: Int32) -> Int32 {
    switch request {
    case .always: csqlite_test_int(SQLITE_TESTCTRL_ALWAYS, value)
    case .assert: csqlite_test_int(SQLITE_TESTCTRL_ASSERT, value)
    case .localTimeFault: StatementZone.setFault(value)
    case .neverCorrupt: csqlite_test_int(SQLITE_TESTCTRL_NEVER_CORRUPT, value)
    case .pendingByte: csqlite_test_int(SQLITE_TESTCTRL_PENDING_BYTE, value)
    }
  }

  /// The byte order of numbers, by SQLite.
  package static var byteOrder: Int32 { csqlite_test_none(SQLITE_TESTCTRL_BYTEORDER) }
  /// Saves the state of the random number generator.
  package static func saveRandomState() { _ = csqlite_test_none(SQLITE_TESTCTRL_PRNG_SAVE) }
  /// Restores the saved state of the generator.
  package static func restoreRandomState() { _ = csqlite_test_none(SQLITE_TESTCTRL_PRNG_RESTORE) }

  /// Restarts the random number generator, mixed with the schema's version if `withSchema` is true.
  package func seedRandom(_ seed: Int32, withSchema: Bool) {
    _ = csqlite_test_seed(seed, withSchema ? handle : nil)
  }
  /// Turns optimizations of this connection off, by a bit mask.
  package func disableOptimizations(_ mask: Int32) {
    peculiarity = "optimizations are switched by .testctrl"
    _ = csqlite_test_db_int(SQLITE_TESTCTRL_OPTIMIZATIONS, handle, mask)
  }
  /// Sets the size of memory maps for sorting.
  package func setSorterMap(_ size: Int32) {
    _ = csqlite_test_db_int(SQLITE_TESTCTRL_SORTER_MMAP, handle, size)
  }
  /// Allows SQL to use functions that are for SQLite's own use, or forbids it again.
  package func toggleInternalFunctions() {
    peculiarity = "internal functions are allowed by .testctrl"
    _ = csqlite_test_db(SQLITE_TESTCTRL_INTERNAL_FUNCTIONS, handle)
  }
  /// Makes foreign keys act as if all were `NO ACTION`, or as written.
  package func setForeignKeyAction(off: Bool) {
    peculiarity = "actions of foreign keys are switched by .testctrl"
    _ = csqlite_test_db_int(Int32(CSQLITE_TESTCTRL_FK_NO_ACTION), handle, off ? 1 : 0)
  }
  /// Whether JSON is checked twice; -1 in libraries built without this.
  package static var jsonSelfcheck: Int32 {
    var value: Int32 = -1
    _ = csqlite_test_pointer(Int32(CSQLITE_TESTCTRL_JSON_SELFCHECK), &value)
    return value
  }
  package static func setJSONSelfcheck(_ value: Int32) {
    var value = value
    _ = csqlite_test_pointer(Int32(CSQLITE_TESTCTRL_JSON_SELFCHECK), &value)
  }
  /// Returns whether numbers are written with the processor's longer numbers: 0 never, 1 always, 2
  /// if it has them, -1 unchanged.
  package static func useLongDouble(_ value: Int32) -> Int32 {
    csqlite_test_int(Int32(CSQLITE_TESTCTRL_USELONGDOUBLE), value)
  }
  /// The number of seeks; always 0 in libraries built without that counter.
  package var seekCount: UInt64 { csqlite_test_seek_count(handle) }
  /// Makes the next `CREATE TABLE` describe the content of a page instead of making a table.
  @discardableResult
  package func setImposter(_ schema: String, _ isOn: Int32, page: Int32) -> ResultCode {
    peculiarity = "an imposter table was made"
    return ResultCode(rawValue: csqlite_test_imposter(handle, schema, isOn, page))
  }

  /// Returns the name of the collation of a column; nil if there is no such column.
  ///
  /// The corresponding C function is `sqlite3_table_column_metadata`.
  package func collation(of column: String, in table: String) -> String? {
    var name: UnsafePointer<CChar>?
    let code = sqlite3_table_column_metadata(handle, "main", table, column, nil, &name, nil, nil, nil)
    return code == SQLITE_OK ? name.map { String(cString: $0) } : nil
  }

  /// Returns whether a schema, or any, has a table of this name; views do not count.
  ///
  /// The corresponding C function is `sqlite3_table_column_metadata`.
  package func hasTable(_ table: String, schema: String?) -> Bool {
    sqlite3_table_column_metadata(handle, schema, table, nil, nil, nil, nil, nil, nil) == SQLITE_OK
  }

  /// Returns whether a table of any schema has a column; views do not count.
  ///
  /// The corresponding C function is `sqlite3_table_column_metadata`.
  package func hasColumn(_ column: String, in table: String) -> Bool {
    sqlite3_table_column_metadata(handle, nil, table, column, nil, nil, nil, nil, nil) == SQLITE_OK
  }
}
