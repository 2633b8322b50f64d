import Synchronization

/// Reads pages of a database file through a connection's own handle, from any thread, until it is closed.
///
/// The unchecked conformance is true because the connection is reached under `lock` only, and SQLite's unix VFS
/// reads at offsets (`pread`) without touching what the connection's other users touch.
package final class DatabaseFile: @unchecked Sendable {
  private var connection: Connection?
  private let lock = Mutex(())

  package init(_ connection: Connection) { self.connection = connection }

  /// Reads `count` bytes at `offset`, zeros past the file's end.
  ///
  /// Throws `.misuse` once closed.
  package func read(at offset: Int64, count: Int) throws(SQLiteError) -> [UInt8] {
    let result: Result<[UInt8], SQLiteError> = lock.withLock { _ in
      guard let connection else {
        return .failure(SQLiteError(code: .misuse, message: "the database was closed"))
      }
      do throws(SQLiteError) {
        return .success(try connection.readFile("main", at: offset, count: count))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Ends all reading; waits for a read under way.
  package func close() { lock.withLock { _ in connection = nil } }
}
