import Files
package import SQLite

extension ReplicationObserver {
  /// Begins to mirror the main database of `connection`, or waits until it has content.
  ///
  /// `isNew` means that the connection has run no statement yet. Throws `.unsuitable` if the
  /// database cannot be mirrored: in memory, temporary, or read-only. Must be called on the thread
  /// that uses the connection.
  package func attach(to connection: Connection, isNew: Bool = true) throws {
    isConnectionNew = isNew
    guard let path = connection.fileName(), !path.isEmpty else {
      throw MirrorError(.unsuitable, "an in-memory database is not mirrored")
    }
    guard connection.isReadOnly() == false else {
      throw MirrorError(.unsuitable, "\(path) was opened read-only and is not mirrored")
    }
    watched.connection = connection
    do {
      // SQLite reports the accesses of statements from the first one on.
      try connection.watchReach()
    } catch {
      throw MirrorError(.database, "mirror \(path): \(error.message)")
    }
    connection.observer = self
    // Another process may hold the database exclusively for a moment, as when it recovers the log
    // after a kill.
    let end = Clock.monotonicSeconds + Self.patience
    while true {
      do {
        if try pageCount(connection) == 0 {
          phase = .waiting
        } else {
          try start(wasEmpty: false)
        }
        return
      } catch let error as SQLiteError where error.isBusy && Clock.monotonicSeconds < end {
        Clock.sleep(seconds: 0.01)
      } catch let error as SQLiteError {
        throw MirrorError(.database, "mirror \(path): \(error.message)")
      }
    }
  }

  /// Maximum seconds to wait at the start for a process that holds the database exclusively.
  private static let patience = 5.0

  private func pageCount(_ connection: Connection) throws -> Int64 {
    isInternal = true
    defer { isInternal = false }
    guard case .integer(let count) = try connection.value("PRAGMA main.page_count") else { return 0 }
    return count
  }
}
