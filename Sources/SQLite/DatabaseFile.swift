import Synchronization

/// Reads pages of a database file through a connection's own handle, from any thread, until it is
/// closed.
///
/// The unchecked conformance is right because the connection is used under `lock` only, and
/// SQLite's unix VFS reads at offsets (`pread`) without touching state of the connection's other
/// users.
package final class DatabaseFile: @unchecked Sendable {
  private var connection: Connection?
  private let lock = Mutex(())

  package init(_ connection: Connection) { self.connection = connection }

  /// Reads `count` bytes at `offset`, with zeros past the file's end.
  ///
  /// Throws `.misuse` after `close`.
  package func read(at offset: Int64, count: Int) throws(SQLiteError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try read(into: &bytes, at: offset)
    return bytes
  }

  /// Fills `bytes` from `offset`, with zeros past the file's end.
  ///
  /// Throws `.misuse` after `close`.
  package func read(into bytes: inout [UInt8], at offset: Int64) throws(SQLiteError) {
    let failure: SQLiteError? = lock.withLock { _ in
      guard let connection else { return SQLiteError(code: .misuse, message: "the database was closed") }
      do throws(SQLiteError) {
        try connection.readFile("main", at: offset, into: &bytes, count: bytes.count)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  /// Returns the state in the index of the database's log; absent after `close`.
  package func logIndex() -> Connection.LogIndex { lock.withLock { _ in connection?.logIndex() ?? .absent } }

  /// Ends all reading.
  ///
  /// Waits for a current read.
  package func close() { lock.withLock { _ in connection = nil } }
}
