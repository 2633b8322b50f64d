import Files
package import ReplicaFormat
import SQLite
import WALFormat

/// The state of a database that another process mirrors, as the file beside it shows.
///
/// The process that mirrors keeps the file locked, and writes its record about once a second, or
/// sooner if another process asks. May be used on any thread.
package final class HolderView: Sendable {
  package let path: String
  /// The record beside the database.
  let claim: File
  /// Wakes as soon as the holder has written the record.
  private let watch: FileWatch?

  init(_ path: String, claim: File) {
    self.path = path
    self.claim = claim
    watch = FileWatch([claim.path], .content)
  }

  /// Opens the record of a database; nil if there is none.
  ///
  /// Throws `.database` if it may not be opened.
  package convenience init?(of path: String) throws {
    let name = PositionFile.path(of: path)
    guard FileInfo.exists(name) else { return nil }
    do {
      try self.init(path, claim: File(side: name, of: path))
    } catch {
      throw MirrorError(.database, "\(error)")
    }
  }

  /// The process that mirrors, if the system reports it.
  package var holder: Int? { (try? claim.info()).flatMap { ProcessIdentity.holder(ofLockOn: $0) } }

  /// Whether a process mirrors the database.
  ///
  /// It tries the lock of `claim`. Therefore only a view with a file of its own may ask, never that
  /// of a standby, which takes the same lock on another thread.
  package var isHeld: Bool {
    guard (try? claim.tryLock()) == true else { return true }
    claim.unlock()
    return false
  }

  package var record: PositionRecord? {
    (try? claim.readAll()).flatMap { try? PositionRecord($0, object: claim.path) }
  }

  /// Asks the holder to read the log at once, and to write the record as soon as it can.
  package func ask() { try? claim.touch() }

  /// Waits up to `seconds` for the holder to write the record.
  func waitForRecord(seconds: Double = 0.05) {
    if let watch { _ = watch.wait(seconds: seconds) } else { Clock.sleep(seconds: 0.005) }
  }

  /// Returns whether a record shows everything up to `end` as stored; `present` is the log's
  /// current end.
  func isStored(_ end: LogEnd, present: LogEnd?, in record: PositionRecord) -> Bool {
    // The log is empty: the record must belong to the current file.
    if end.frame == 0, present == end {
      return record.isAtRest && record.file != nil && record.file == (try? PositionRecord.FileStamp.of(path))
    }
    guard let position = record.position else { return false }
    if position.salt == end.salt { return position.frame >= end.frame }
    // The log was restarted since, and the holder has stored a commit of the current epoch.
    return position.salt == present?.salt && present?.salt != end.salt
  }
}

extension HolderView {
  /// Waits until the holder has stored everything that is committed at the call.
  ///
  /// Throws `.notMirrored` if no process mirrors the database, and `.timeout` after `seconds`.
  package static func wait(for path: String, seconds: Double) throws {
    guard let view = try HolderView(of: path), view.isHeld else {
      throw MirrorError(
        .notMirrored, "no process mirrors it: start -serve, or open it in a shell with -mirror")
    }
    let deadline = Clock.monotonicSeconds + seconds
    let connection: Connection
    do throws(SQLiteError) {
      connection = try Connection(path, [.readWrite])
      connection.setBusyTimeout(milliseconds: Int32(min(seconds, 3600) * 1000))
      connection.disableCheckpointOnClose()
      // The first read opens the index of the log.
      _ = try connection.value("PRAGMA schema_version")
    } catch {
      throw MirrorError(.database, error.message)
    }
    defer { connection.close() }
    let file = DatabaseFile(connection)
    guard let end = try LogEnd.of(file) else {
      throw MirrorError(.unsuitable, "the database has no log, so nothing shows what is stored")
    }
    var asked = -Double.infinity
    while true {
      if Clock.monotonicSeconds - asked > 0.25 {
        asked = Clock.monotonicSeconds
        view.ask()
      }
      let present = try LogEnd.of(file)
      if let record = view.record, view.isOfHolder(record), view.isStored(end, present: present, in: record) {
        return
      }
      let left = deadline - Clock.monotonicSeconds
      guard left > 0 else {
        throw MirrorError(
          view.isHeld ? .timeout : .notMirrored,
          view.isHeld
            ? "not everything is stored after \(seconds.rounded() == seconds ? "\(Int(seconds))" : "\(seconds)") s"
            : "the process that mirrored it has ended")
      }
      view.waitForRecord(seconds: min(left, 0.25))
    }
  }

  /// Whether the current holder wrote the record: it may be left over from an earlier process.
  func isOfHolder(_ record: PositionRecord) -> Bool {
    guard let writer = record.writer?.process else { return false }
    let holder = holder
    return holder == nil || holder == writer
  }

  /// The state that the record shows; nil if no process mirrors the database.
  ///
  package func status() -> MirrorStatus? {
    guard isHeld else { return nil }
    guard let connection = try? Connection(path, [.readWrite]) else { return status(nil) }
    defer { connection.close() }
    connection.disableCheckpointOnClose()
    // The first read opens the index of the log.
    _ = try? connection.value("PRAGMA schema_version")
    return status(connection)
  }

  /// The state that the record shows, with a connection of the database for the length of its log.
  func status(_ connection: Connection?) -> MirrorStatus {
    var status = MirrorStatus()
    status.phase = .starting
    guard let record, isOfHolder(record) else { return status }
    status.phase = .running
    status.url = record.url
    status.durability = record.writer.flatMap { Durability(rawValue: $0.durability) } ?? .async
    status.generation = record.generation
    (status.stored, status.captured, status.hasBase) = (record.transaction, record.captured, true)
    status.keyID = record.keyID
    guard let connection, let end = try? LogEnd.of(DatabaseFile(connection)),
      !isStored(end, present: end, in: record)
    else { return status }
    let stored = record.position.flatMap { $0.salt == end.salt ? $0.frame : nil } ?? 0
    status.lagFrames = max(end.frame - stored, 0)
    status.lagBytes = status.lagFrames * record.state.pageSize
    return status
  }
}
