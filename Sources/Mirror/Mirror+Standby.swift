import Files
import ObjectStore
import ReplicaFormat
import SQLite
import WALFormat

/// A database that another process mirrors already: that process captures what is written here, and this one takes
/// over when it ends.
struct Standby {
  /// The record beside the database; whoever has it locked mirrors.
  let claim: File
  /// Process that has it, where the system tells.
  let holder: Int?
  /// Tells that the holder has written the record.
  let watch: FileWatch?

  /// Locks the record of a database; nil with the standby where another process has.
  static func claim(_ path: String) throws -> (claim: File?, standby: Standby?) {
    let file = try File(side: Engine.recordPath(path), of: path)
    if try file.tryLock() { return (file, nil) }
    return (
      nil,
      Standby(
        claim: file, holder: ProcessIdentity.holder(ofLockOn: try file.info()),
        watch: FileWatch(file.path, .content))
    )
  }

  var holderText: String { holder.map { "process \($0)" } ?? "another process" }

  /// Whether the process that mirrors has everything up to a frame of the log in the store.
  func holds(frame: Int, of salt: WALSalt) -> Bool {
    guard let bytes = try? claim.readAll(), let record = try? PositionRecord(bytes, object: claim.path),
      let position = record.position
    else { return false }
    if position.salt == salt { return position.frame >= frame }
    // A later epoch begins with everything of the ones before.
    let epochs = position.salt.first &- salt.first
    return epochs > 0 && epochs < 1 << 16
  }
}

extension Mirror {
  /// Begins to mirror where the process that did has ended.
  func takeOverIfPossible() {
    guard let standby, (try? standby.claim.tryLock()) == true else { return }
    self.standby = nil
    do {
      try start(wasEmpty: false, claim: standby.claim)
      tell("mirror: \(standby.holderText) has ended, and this one mirrors")
    } catch let error as SQLiteError where error.isBusy {
      // The claim stays; there will be another occasion.
      self.standby = standby
    } catch {
      refuse(error)
    }
  }

  /// Waits until the process that mirrors has the commits made here in the store, or this one has taken over.
  func waitForHolder(_ standby: Standby, frames: Int) throws {
    let deadline = Clock.monotonicSeconds + settings.flushTimeout
    guard let path = connection?.fileName(), let log = try? File(path + "-wal", .read),
      let header = try? WALHeader(log.read(at: 0, count: WALHeader.size))
    else { return }
    var asked = -Double.infinity
    while true {
      // The holder then looks at the log at once, and writes the record as soon as it can.
      if Clock.monotonicSeconds - asked > 0.25 {
        asked = Clock.monotonicSeconds
        try? standby.claim.touch()
      }
      if standby.holds(frame: frames, of: header.salt) { return }
      takeOverIfPossible()
      if let engine {
        return try engine.flush(seconds: settings.flushTimeout, all: false, isInterrupted: isInterrupted)
      }
      guard isInterrupted?() != true, Clock.monotonicSeconds < deadline else {
        throw MirrorError(
          .notMirrored,
          "\(standby.holderText), which mirrors \(path), does not have it in \(store.url) after "
            + "\(Int(settings.flushTimeout)) s")
      }
      if let watch = standby.watch { _ = watch.wait(seconds: 0.05) } else { Clock.sleep(seconds: 0.005) }
    }
  }

  /// A statement that writes begins in `sync`: where other processes wait for their commits too, it waits for its turn.
  func takeTurn(_ connection: Connection) {
    guard standby != nil || engine?.hasCompany == true else { return }
    if turn == nil, let path = connection.fileName() { turn = WriteTurn(path) }
    turn?.take()
  }

  /// A statement has ended while another process mirrors.
  func didEndStandingBy(_ standby: Standby, _ statement: Statement) {
    if statement.firstLetter == UInt8(ascii: "P") || statement.firstLetter == 0 { armStandbyHook() }
    guard standbyFrames != standbySettled, connection?.isInAutocommit == true else { return }
    standbySettled = standbyFrames
    guard settings.durability == .sync else { return }
    do {
      try waitForHolder(standby, frames: standbyFrames)
    } catch {
      failures.append("committed locally, not mirrored: \(error)")
    }
  }

  /// Follows the commits of a connection that another process mirrors.
  ///
  /// The hook takes the place of SQLite's own, so it does that one's work too
  /// (https://www.sqlite.org/c3ref/wal_autocheckpoint.html).
  func armStandbyHook() {
    connection?.setWALHook { [unowned self] schema, frames in
      guard schema == "main" else { return }
      (standbyFrames, standbySettled) = (frames, -1)
      turn?.give()
      if frames >= 1000 { _ = try? connection?.checkpoint(.passive) }
    }
  }
}
