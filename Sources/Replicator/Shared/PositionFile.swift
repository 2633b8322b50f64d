import Files
import ReplicaFormat

/// The file `NAME-s3pos` beside a database: position record, claim, writers' turn and wake-up of standbys in one.
///
/// Its bytes are the record of how far the replica is. Its lock is the claim: one process mirrors a database. Its lock of open
/// files is the turn (`WriterQueue`). Its times wake processes that wait for each other.
final class PositionFile: Sendable {
  let database: String
  /// Locked as long as this mirror runs.
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

  /// Lets another process mirror the database.
  func release() { claim.unlock() }

  /// Reports writes to its times: a standby waits for its commits.
  func watchDemands() -> FileWatch? { FileWatch([Self.path(of: database)], .times) }

  /// The record; nil if there is none, or it is damaged.
  func read() -> PositionRecord? {
    let path = Self.path(of: database)
    return (try? File(path, .read).readAll()).flatMap { try? PositionRecord($0, object: path) }
  }

  /// Writes the record that `make` returns for the present moment.
  ///
  /// What the record names must not be lost with the power, or the next session would take an older database for the one that
  /// it names (row e of the table of starts). So SQLite's log is synced first, unless `syncs` is false; `make` is told whether it is.
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

  /// Writes the record; a failure does no harm but a slower start.
  private func write(_ record: PositionRecord) {
    guard let file = try? File(side: Self.path(of: database), of: database) else { return }
    let bytes = record.bytes
    // Torn or old it is only ignored at the next start, so it is neither synced nor renamed.
    try? file.write(bytes, at: 0)
    // Watchers are woken by that too.
    if (try? file.size()) != bytes.count { try? file.truncate(to: bytes.count) }
  }
}

extension PositionRecord.FileStamp {
  /// A database file as the file system sees it; nil if there is none.
  static func of(_ path: String) throws -> PositionRecord.FileStamp? {
    guard let info = try FileInfo.of(path) else { return nil }
    return PositionRecord.FileStamp(size: info.size, modifiedNs: info.modifiedNs, inode: info.inode)
  }

  /// The same, once a change of the file would have to show in its time: clocks of file systems are coarse.
  static func settled(_ path: String) throws -> PositionRecord.FileStamp? {
    let stamp = try of(path)
    guard let stamp, abs(Clock.wallMicroseconds - stamp.modifiedNs / 1000) < 20_000 else { return stamp }
    Clock.sleep(seconds: 0.02)
    return try of(path)
  }
}

extension PositionRecord.FileIdentity {
  /// A database file, whatever it holds.
  static func of(_ path: String) -> PositionRecord.FileIdentity? {
    guard let info = try? FileInfo.of(path) else { return nil }
    return PositionRecord.FileIdentity(device: info.device, inode: info.inode, bornNs: FileInfo.born(path))
  }
}
