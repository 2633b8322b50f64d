import Files
import ReplicaFormat

/// The file `NAME-s3pos` beside a database: position record, claim, writers' turn and wake-up.
///
/// - Its bytes are the record of the stored transactions.
/// - Its lock is the claim: one process mirrors a database.
/// - Its lock of open files is the turn (`WriterQueue`).
/// - Its times wake processes that wait for each other.
final class PositionFile: Sendable {
  let database: String
  /// Locked while this mirror runs.
  private let claim: File
  private let writing = OrderedLock(.record, ())

  init(of database: String, claim: File) {
    self.database = database
    self.claim = claim
  }

  static func path(of database: String) -> String { database + "-s3pos" }

  /// Opens the file and tries to lock it; `isTaken` is false if another process has the claim.
  static func claim(_ database: String) throws(FilesError) -> (file: File, isTaken: Bool) {
    let file = try File(side: path(of: database), of: database)
    return (file, try file.tryLock())
  }

  /// Releases the claim, so that another process can mirror the database.
  func release() { claim.unlock() }

  /// Watches writes to its times, by which a standby announces that it waits.
  func watchDemands() -> FileWatch? { FileWatch([Self.path(of: database)], .times) }

  /// Returns the record; nil if there is none, or it is damaged.
  func read() -> PositionRecord? {
    let path = Self.path(of: database)
    return (try? File(path, .read).readAll()).flatMap { try? PositionRecord($0, object: path) }
  }

  /// Writes the current record, which `make` returns.
  ///
  /// A power loss must not take the commits that the record names. Otherwise the next session would
  /// accept an older database (row e of the table of starts). Therefore SQLite's log is synced
  /// first, unless `syncs` is false. If the sync fails, `make` is called again with false.
  func save(syncs: Bool, _ make: (_ isSynced: Bool) -> PositionRecord?) {
    writing.withLock { _ in
      guard var record = make(syncs) else { return }
      if syncs, !record.isAtRest, (try? File(database + "-wal", .read).sync()) == nil {
        guard let unsynced = make(false) else { return }
        record = unsynced
      }
      write(record)
    }
  }

  /// Writes the record; after a failure, the next start is slower.
  private func write(_ record: PositionRecord) {
    guard let file = try? File(side: Self.path(of: database), of: database) else { return }
    let bytes = record.bytes
    // The next start ignores a torn or old record, so it is neither synced nor renamed.
    try? file.write(bytes, at: 0)
    // A truncation wakes watchers too.
    if (try? file.size()) != bytes.count { try? file.truncate(to: bytes.count) }
  }
}

extension PositionRecord.FileStamp {
  /// Returns the stamp of a database file in the file system; nil if there is no file.
  static func of(_ path: String) throws -> PositionRecord.FileStamp? {
    guard let info = try FileInfo.of(path) else { return nil }
    return PositionRecord.FileStamp(size: info.size, modifiedNs: info.modifiedNs, inode: info.inode)
  }

  /// Returns the stamp, after a wait of 20 ms if the file has just changed.
  ///
  /// File systems have coarse clocks, so an immediate further change might not alter the time.
  static func settled(_ path: String) throws -> PositionRecord.FileStamp? {
    let stamp = try of(path)
    guard let stamp, abs(Clock.wallMicroseconds - stamp.modifiedNs / 1000) < 20_000 else { return stamp }
    Clock.sleep(seconds: 0.02)
    return try of(path)
  }
}

extension PositionRecord.FileIdentity {
  /// Returns the identity of a database file, independent of its content.
  static func of(_ path: String) -> PositionRecord.FileIdentity? {
    guard let info = try? FileInfo.of(path) else { return nil }
    return PositionRecord.FileIdentity(device: info.device, inode: info.inode, bornNs: FileInfo.born(path))
  }
}
