import Files
import SQLite

/// Replaces the old database with a finished one.
extension Restore {
  /// Puts the new file in the place of the old one, with its owner and permissions.
  ///
  /// The old database is locked until it is replaced. SQLite would apply a log that is left behind
  /// to the new file. So the log is copied into the old file first, which is complete if the
  /// program ends in between.
  func replace(_ output: String, with file: File, from folder: RestoreFolder) throws {
    for _ in 0..<Self.attempts where try replaceOnce(output, with: file, from: folder) {
      folder.discard()
      return
    }
    throw RestoreError(.busy, "replace \(output): other programs create and remove files there: try again")
  }

  /// How many files may appear at an absent output, one after the other, before it gives up.
  private static let attempts = 10
  private static let besides = ["-wal", "-shm", "-journal", "-s3pos"]

  /// Returns false if a file has appeared meanwhile that must be checked first.
  private func replaceOnce(_ output: String, with file: File, from folder: RestoreFolder) throws -> Bool {
    let lock = try OutputLock(output)
    defer { lock.release() }
    guard let old = lock.info else {
      try file.sync()
      if Self.besides.contains(where: { FileInfo.exists(output + $0) }) {
        // They may be removed only while no other process can begin a database there: under the
        // lock on an empty one.
        _ = try? File(output, .createNew)
        return false
      }
      return try folder.place(file, ifAbsent: true)
    }
    // It may have appeared during the restore.
    guard force || lock.isEmpty else { throw Self.exists(output) }
    try lock.settle()
    try file.adopt(old)
    try file.sync()
    try lock.requireUnmoved()
    lock.willReplace()
    for suffix in Self.besides { try Folder.remove(output + suffix) }
    return try folder.place(file, ifAbsent: false)
  }

  private static func exists(_ output: String) -> RestoreError {
    RestoreError(
      .exists, "\(output) is there and not empty: use --force to replace it, or --output for another file")
  }

  /// Throws `.busy` if another process uses the database now; called before anything is fetched.
  func checkUnused(_ output: String) throws {
    guard let info = try FileInfo.of(output), info.size > 0 else { return }
    _ = try OutputLock(output)
  }

  /// Throws `.exists` if `output` holds a database that must not be replaced.
  package func check(_ output: String) throws {
    let output = try Folder.followingLinks(output)
    guard !force, let info = try FileInfo.of(output), info.size > 0 else { return }
    // Without a log the file alone is the database, and reading it need not create a log.
    let connection =
      FileInfo.exists(output + "-wal")
      ? try? Connection(output, .readOnly) : try? DatabaseComparison.open(output)
    let tables = try? connection?.value("SELECT count(*) FROM sqlite_schema")
    guard tables == .integer(0) else { throw Self.exists(output) }
  }
}
