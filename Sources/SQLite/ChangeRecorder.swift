internal import Bytes
internal import CSQLite

/// Records the changes of a database's tables (https://www.sqlite.org/sessionintro.html).
///
/// Must be released before its connection closes.
package final class ChangeRecorder {
  private let handle: OpaquePointer
  private let connection: Connection
  private var isWanted: ((String) -> Bool)?

  /// Begins without a table.
  ///
  /// The corresponding C function is `sqlite3session_create`.
  package init(_ connection: Connection, schema: String) throws(SQLiteError) {
    var session: OpaquePointer?
    let code = schema.withPreservedCString { sqlite3session_create(connection.handle, $0, &session) }
    guard code == SQLITE_OK, let session else { throw connection.error(ResultCode(rawValue: code)) }
    handle = session
    self.connection = connection
  }

  deinit { sqlite3session_delete(handle) }

  /// Records changes of one more table.
  ///
  /// The corresponding C function is `sqlite3session_attach`.
  package func attach(_ table: String) -> ResultCode {
    ResultCode(rawValue: table.withPreservedCString { sqlite3session_attach(handle, $0) })
  }

  /// Calls a filter for each table that was not attached by name.
  ///
  /// The corresponding C function is `sqlite3session_table_filter`.
  package func setFilter(_ isWanted: @escaping (String) -> Bool) {
    self.isWanted = isWanted
    sqlite3session_table_filter(
      handle,
      { context, name in
        guard let context, let name else { return 1 }
        let recorder = Unmanaged<ChangeRecorder>.fromOpaque(context).takeUnretainedValue()
        return recorder.isWanted?(String(preservingCString: name)) == false ? 0 : 1
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Whether changes are recorded.
  package var isEnabled: Bool {
    get { sqlite3session_enable(handle, -1) != 0 }
    set { sqlite3session_enable(handle, newValue ? 1 : 0) }
  }

  /// Whether all changes count as made by triggers.
  package var isIndirect: Bool {
    get { sqlite3session_indirect(handle, -1) != 0 }
    set { sqlite3session_indirect(handle, newValue ? 1 : 0) }
  }

  /// Whether nothing was recorded.
  package var isEmpty: Bool { sqlite3session_isempty(handle) != 0 }

  /// Returns the changes as a changeset, or as a patchset, which leaves out old values; nil if no
  /// table was touched.
  ///
  /// The corresponding C functions are `sqlite3session_changeset` and `sqlite3session_patchset`.
  package func changes(asPatch: Bool) throws(SQLiteError) -> [UInt8]? {
    var count: Int32 = 0
    var bytes: UnsafeMutableRawPointer?
    let code =
      asPatch
      ? sqlite3session_patchset(handle, &count, &bytes) : sqlite3session_changeset(handle, &count, &bytes)
    defer { sqlite3_free(bytes) }
    guard code == SQLITE_OK else {
      throw SQLiteError(code: ResultCode(rawValue: code), message: ResultCode(rawValue: code).meaning)
    }
    return bytes.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(count))) }
  }
}
