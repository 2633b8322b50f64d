import Files
import SQLite

/// The file that a restore will replace, with SQLite's exclusive lock on it for the life of this
/// object.
///
/// The lock proves that no process reads or writes the database. A connection in WAL mode has a shared
/// lock as long as it is open, a connection in a rollback mode during each transaction, and one in
/// `locking_mode=EXCLUSIVE` has the exclusive lock (https://www.sqlite.org/lockingv3.html). An idle
/// connection in a rollback mode has no lock. Its process is found by its open files, if the system
/// shows them.
final class OutputLock {
  private enum Hold {
    case nothing
    case database(Connection)
    /// A file that is no database, held by its own descriptor.
    case other(File)
  }

  private let output: String
  /// The kind of file; nil if there is none.
  let info: FileInfo?
  private var hold = Hold.nothing

  /// Milliseconds to wait for a reader that is nearly done.
  private static let patience: Int32 = 500

  /// Locks the file `output`, if it exists; throws `.busy` if another process uses it.
  init(_ output: String) throws {
    self.output = output
    info = try FileInfo.of(output)
    guard let info else { return }
    guard info.isRegular else {
      throw RestoreError(.exists, "replace \(output): it is not a regular file: use --output")
    }
    // This check comes before opening, because closing a descriptor of a file drops this process's
    // locks on it.
    guard !OpenFiles.isOpenHere(info) else {
      throw RestoreError(.busy, "replace \(output): this session has it open")
    }
    hold = try lock()
    if let user = OpenFiles.other(using: info) {
      release()
      throw RestoreError(
        .busy,
        "replace \(output): another process has it open (\(user.process), \(user.program)): close it there first"
      )
    }
    try requireUnmoved()
  }

  deinit { release() }

  private var busy: RestoreError {
    RestoreError(.busy, "replace \(output): another process has it open: close it there first")
  }

  private func lock() throws -> Hold {
    let log = try FileInfo.of(output + "-wal")
    do throws(SQLiteError) {
      let connection = try Connection(output, .readWrite)
      connection.setBusyTimeout(milliseconds: Self.patience)
      // The content of the log stays there until `settle` is called.
      connection.disableCheckpointOnClose(log != nil)
      try connection.execute("PRAGMA locking_mode=EXCLUSIVE")
      // In a rollback mode the first read plays back the journal of a crash and takes a shared
      // lock; in WAL mode it takes the exclusive lock.
      _ = try connection.value("SELECT count(*) FROM sqlite_schema")
      guard connection.isReadOnly() != true else {
        throw SQLiteError(code: .readOnly, message: "it may not be written")
      }
      try connection.execute("BEGIN EXCLUSIVE")
      return .database(connection)
    } catch {
      switch error.code.primary {
      case .busy, .locked: throw busy
      case .notADatabase, .corrupt: return try lockOther()
      default: throw RestoreError(.database, "replace \(output): \(error.message)")
      }
    }
  }

  private func lockOther() throws -> Hold {
    let file = try File(output, .readWrite)
    guard file.tryExcludeSQLite() else { throw busy }
    return .other(file)
  }

  /// Whether the file may be replaced without `--force`: it holds no tables.
  var isEmpty: Bool {
    switch hold {
    case .nothing: true
    case .database(let connection):
      (try? connection.value("SELECT count(*) FROM sqlite_schema")) == .integer(0)
    case .other: info?.size == 0
    }
  }

  /// Throws if the path leads to another file than the locked one.
  func requireUnmoved() throws {
    let now = try FileInfo.of(output)
    let isSame = info.map { now?.isSame(as: $0) == true } ?? (now == nil)
    guard isSame else {
      throw RestoreError(.busy, "replace \(output): another file was put there meanwhile: try again")
    }
  }

  /// Copies the database's log into its file, which is then complete without the log.
  func settle() throws {
    guard case .database(let connection) = hold else { return }
    do throws(SQLiteError) {
      try connection.execute("COMMIT")
      // The lock stays: exclusive locking mode releases none.
      let done = try connection.checkpoint(.truncate)
      guard done.framesInLog <= 0 else { throw SQLiteError(code: .busy, message: "its log is in use") }
      try connection.execute("BEGIN EXCLUSIVE")
    } catch {
      throw error.isBusy ? busy : RestoreError(.database, "replace \(output): \(error.message)")
    }
  }

  /// Prevents that closing the connection changes the old database.
  func willReplace() {
    guard case .database(let connection) = hold else { return }
    connection.disableCheckpointOnClose()
  }

  func release() {
    if case .database(let connection) = hold { connection.close() }
    hold = .nothing
  }
}
