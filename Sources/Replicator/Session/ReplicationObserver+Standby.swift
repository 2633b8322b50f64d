import Files
import ObjectStore
import SQLite

extension ReplicationObserver {
  /// Stands by because another process mirrors the database.
  func standBy(_ path: String, claim: File) {
    let standby = Standby(path, claim: claim, store: store, settings: settings, notices: notices)
    phase = .standby(standby)
    isConnectionNew = false
    notices.add("\(path) is mirrored by \(standby.holderText): what is written here is mirrored by that")
    armStandbyHook()
    standby.start()
  }

  /// Begins to mirror if the process that mirrored has ended.
  ///
  /// Call it while no transaction is open, because a log of statements begins between transactions.
  func takeOverIfPossible() {
    guard let standby, let connection, connection.isInAutocommit else { return }
    if let pipeline = standby.takePipeline() {
      _ = standby.end()
      return adopt(pipeline, connection)
    }
    guard let claim = standby.takeClaim() else { return }
    do {
      try start(wasEmpty: false, claim: claim)
      _ = standby.end()
      notices.add("mirror: \(standby.holderText) no longer mirrors; this process does")
    } catch let error as SQLiteError where error.isBusy {
      standby.giveBackClaim()
      phase = .standby(standby)
    } catch {
      _ = standby.end()
      refuse(error)
    }
  }

  /// Ends the standby with the database; a pipeline that it has begun ends with the session.
  func endStandby() {
    guard let standby else { return }
    let pipeline = standby.end()
    phase = .off
    pipeline?.stop()
  }

  /// Waits until the mirroring process has stored the log up to its current end.
  ///
  /// It also returns if this process has taken over.
  func waitForHolder(_ standby: Standby, seconds: Double) throws {
    guard let connection else { return }
    let deadline = Clock.monotonicSeconds + seconds
    let file = DatabaseFile(connection)
    guard let end = try LogEnd.of(file) else { return }
    var asked = -Double.infinity
    while true {
      if Clock.monotonicSeconds - asked > 0.25 {
        asked = Clock.monotonicSeconds
        standby.view.ask()
      }
      switch standby.answer(for: end, present: try LogEnd.of(file)) {
      case .stored: return
      case .elsewhere(let reason): throw MirrorError(.notMirrored, reason)
      case .notYet: break
      }
      takeOverIfPossible()
      if let pipeline {
        return try pipeline.flush.run(seconds: seconds, all: false, isInterrupted: isInterrupted)
      }
      guard self.standby != nil else { throw MirrorError(.notMirrored, suspension ?? "the mirror is off") }
      guard isInterrupted?() != true else { throw MirrorError(.timeout, "interrupted") }
      guard Clock.monotonicSeconds < deadline else {
        throw MirrorError(
          .notMirrored,
          "\(standby.holderText), which mirrors \(connection.fileName() ?? ""), does not have it in \(store.url) after "
            + "\(Int(seconds)) s")
      }
      standby.view.waitForRecord()
    }
  }

  /// Waits for the writers' turn before a statement that writes in `sync`.
  ///
  /// It does so only if other processes wait for their commits too.
  func takeTurn(_ connection: Connection) {
    guard standby != nil || pipeline?.isGroupCommitAwaited == true else { return }
    if turn == nil, let path = connection.fileName() { turn = WriterQueue(path) }
    turn?.take()
  }

  /// Handles the end of a statement while another process mirrors.
  func didEndStandingBy(_ standby: Standby, _ statement: Statement) {
    if statement.control.isPragma { armStandbyHook() }
    guard standbyFrames != standbySettled, connection?.isInAutocommit == true else { return }
    standbySettled = standbyFrames
    guard settings.durability == .sync else { return }
    do {
      try waitForHolder(standby, seconds: settings.flushTimeout)
    } catch {
      failures.append("committed locally, not mirrored: \(error)")
    }
  }

  /// Follows the commits of a connection while another process mirrors.
  ///
  /// The hook replaces SQLite's own, so it does that one's work too
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
