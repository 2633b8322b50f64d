import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

extension Engine {
  /// Checkpoints on the session's own connection, between its statements, once all of the log is captured.
  ///
  /// Returns whether the log may now start from its beginning; nil where another thread has the log, or somebody reads a
  /// snapshot, and nothing was done.
  ///
  /// SQLite up to 3.51.2 may lose commits when a second connection checkpoints beside a writer
  /// (https://www.sqlite.org/wal.html#walresetbug): hence only here.
  func checkpoint(_ connection: Connection) throws -> Bool? {
    let done: Bool?? = try capture.withLockIfAvailable { site in
      guard let capture = site.capture, capture.pins == 0 else { return nil }
      return try copyLog(of: capture) { () throws(SQLiteError) in try connection.checkpoint(.passive) }
    }
    uploadSignal.raise()
    return done ?? nil
  }

  /// Copies the log into the database file with `copy`, and moves the guard before and after.
  func copyLog(
    of capture: Capture, _ copy: () throws(SQLiteError) -> Connection.CheckpointResult
  ) throws -> Bool {
    do {
      return try copyLogUnlessBusy(of: capture, copy)
    } catch let error as SQLiteError where error.isBusy {
      // Another process checkpoints: there will be another occasion.
      return false
    }
  }

  private func copyLogUnlessBusy(
    of capture: Capture, _ copy: () throws(SQLiteError) -> Connection.CheckpointResult
  ) throws -> Bool {
    guard try capture.takeAll() else { return false }
    note(capture)
    // The guard moves to the end of the log, so that all of it may be copied.
    guard try capture.renewGuard() else { return false }
    // A guard that stands in the log keeps every writer from restarting it: a checkpoint must not run beside a restart
    // (https://www.sqlite.org/wal.html#walresetbug). Where it stands on the file, all is copied already.
    guard case .log = capture.guardian.place else {
      noteCopied(capture)
      return capture.guardian.place == .file
    }
    let result = try copy()
    guard result.framesInLog == result.framesCheckpointed,
      result.framesInLog == capture.framesTaken || result.framesInLog <= 0
    else { return false }
    // Now it moves to where the log may be restarted, but nothing new be copied.
    guard try capture.renewGuard() else { return false }
    noteCopied(capture)
    return true
  }

  /// Notes that the database file holds all that was taken, if the guard stands on it.
  func noteCopied(_ capture: Capture) {
    guard capture.guardian.place == .file, let stamp = try? fileStamp() else { return }
    let isAtRest = state.withLock {
      $0.fileStamp = stamp
      $0.restingTransaction = capture.encoder.transaction
      return $0.uploaded == capture.encoder.transaction && $0.uploadedState == capture.encoder.state
    }
    if isAtRest { saveRecord() }
  }

  /// Copies a log that other connections have made long, while the session itself rests.
  ///
  /// Their own checkpoints cannot pass the guard. Where they write without a pause, the log grows until they make one.
  func checkpointForOthers() throws {
    let frames = settings.checkpointFrames
    let mayCopy = state.withLock {
      $0.hasBase
        && ($0.uploaded == $0.captured
          || $0.framesCaptured * $0.pageSize > min(max($0.databaseBytes / 4, 8 << 20), settings.logLimit))
    }
    guard mayCopy else { return }
    try capture.withLock { site in
      guard let capture = site.capture, capture.pins == 0, pendingCommits.readLimit == nil else { return }
      let before = capture.encoder.transaction
      defer { noteTaken(capture, since: before) }
      if capture.framesTaken < capture.copiedFrames { capture.copiedFrames = 0 }
      // Each attempt needs a moment without a commit: the longer the log, the more of them.
      let step = isLogLong ? frames / 32 : frames / 4
      guard capture.framesTaken >= frames, capture.framesTaken - capture.copiedFrames >= step else { return }
      for _ in 0..<3 where pendingCommits.readLimit == nil {
        capture.copiedFrames = capture.framesTaken
        let guardian = capture.guardian
        if try copyLog(of: capture, { () throws(SQLiteError) in try guardian.checkpoint() }) { return }
        // Nothing new came, so nothing more can be copied: others read an older state.
        if capture.framesTaken == capture.copiedFrames { return }
      }
    }
  }

  /// Whether the log is near the limit it should stay under while the store keeps up.
  var isLogLong: Bool { state.withLock { $0.framesCaptured * $0.pageSize > settings.logLimit / 8 * 5 } }

  func status() -> MirrorStatus {
    let end =
      capture.withLockIfAvailable { site in site.isClosed ? nil : try? LogEnd.of(site.guardian.file) } ?? nil
    return state.withLock { state in
      var status = MirrorStatus()
      status.phase = state.phase
      status.generation = state.generation
      status.mirrored = state.mirrored
      status.captured = state.captured
      status.hasBase = state.hasBase
      status.requests = store.requests
      status.bytesSent = store.bytesSent
      status.lastError = state.lastError?.message
      let lag = Int(state.captured - state.uploaded)
      let stored = state.uploadedPosition
      let unread = end.map { $0.salt == stored?.salt ? $0.frame - (stored?.frame ?? 0) : $0.frame } ?? 0
      status.lagFrames =
        lag == 0 ? max(unread, 0) : max(state.framesCaptured - (stored?.frame ?? 0), lag, unread)
      status.lagBytes = status.lagFrames * state.pageSize
      status.baseBytes = state.baseBytes
      status.baseBytesSent = state.baseBytesSent
      if lag > 0 || !state.hasBase, let oldest = state.oldest {
        status.lagSeconds = max(Double(Clock.wallMicroseconds - oldest) / 1e6, 0)
      }
      return status
    }
  }
}
