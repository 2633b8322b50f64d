import Files
import ReplicaFormat
import SQLite

/// Copies SQLite's log into the database file, and lets checkpoints of other connections finish.
///
/// A checkpoint that finishes the log (`FULL`, `RESTART`, `TRUNCATE`) holds SQLite's write lock
/// while it waits for readers. The guard is one of them. Therefore the guard follows the log:
///
/// - At the last captured frame, it lets others copy the whole log.
/// - On the database file, when that holds everything, it lets others restart the log.
///
/// A log without new commits is copied soon, so that such a checkpoint need not wait.
struct Checkpointer: Sendable {
  let capturer: Capturer
  let progress: Progress
  let queue: UploadQueue
  let recorder: PositionRecorder
  let watch: LogWatch
  let settings: MirrorSettings

  // MARK: On the session's thread

  /// Checkpoints on the session's own connection, between its statements, once all of the log is
  /// captured.
  ///
  /// Returns whether the log may now start from its beginning. Returns nil, and does nothing, if
  /// another thread has the log or a snapshot is in use.
  ///
  /// SQLite up to 3.51.2 may lose commits if a second connection checkpoints beside a writer
  /// (https://www.sqlite.org/wal.html#walresetbug). Therefore only the session's thread calls it.
  func checkpoint(_ connection: Connection) throws -> Bool? {
    let done: Bool?? = try capturer.withLockIfAvailable { site in
      guard let capture = site.capture, capture.pins == 0 else { return nil }
      return try copyLog(of: capture) { () throws(SQLiteError) in try connection.checkpoint(.passive) }
    }
    queue.arrivals.raise()
    return done ?? nil
  }

  /// Moves the guard for a checkpoint that the session is about to make.
  func giveWay(to connection: Connection) {
    _ = try? capturer.withLock { site in
      guard let capture = site.capture, capture.pins == 0 else { return false }
      return try copyLog(of: capture) { () throws(SQLiteError) in try connection.checkpoint(.passive) }
    }
    queue.arrivals.raise()
  }

  // MARK: On the capturing thread

  /// Copies a log that other connections have made long, while the session itself rests.
  ///
  /// Their own checkpoints cannot pass the guard. While they write without a pause, the log grows
  /// until they pause.
  func checkpointForOthers() throws {
    let frames = settings.checkpointFrames
    let mayCopy = progress.withLock {
      $0.hasBase
        && ($0.created == $0.captured
          || $0.framesCaptured * $0.pageSize > min(max($0.databaseBytes / 4, 8 << 20), settings.logLimit))
    }
    guard mayCopy else { return }
    try capturer.withLock { site in
      guard let capture = site.capture, capture.pins == 0, capturer.pendingCommits.readLimit == nil else {
        return
      }
      let before = capture.encoder.transaction
      defer { capturer.publish(capture, since: before) }
      if capture.framesTaken < capture.copiedFrames { capture.copiedFrames = 0 }
      // Each attempt needs a moment without a commit. A longer log gets more attempts.
      let step = isLogLong ? frames / 32 : frames / 4
      guard capture.framesTaken >= frames, capture.framesTaken - capture.copiedFrames >= step else { return }
      for _ in 0..<3 where capturer.pendingCommits.readLimit == nil {
        capture.copiedFrames = capture.framesTaken
        let guardian = capture.guardian
        if try copyLog(of: capture, { () throws(SQLiteError) in try guardian.checkpoint() }) { return }
        // The log has no new frames, so nothing more can be copied: others read an older state.
        if capture.framesTaken == capture.copiedFrames { return }
      }
    }
  }

  /// Whether the log is near the limit under which it stays if the store keeps up.
  private var isLogLong: Bool {
    progress.withLock { $0.framesCaptured * $0.pageSize > settings.logLimit / 8 * 5 }
  }

  /// Moves the guard to a place that lets checkpoints of others finish, and copies a quiet log.
  ///
  /// Call with every available commit captured, on the capturing thread. Returns the seconds until
  /// the next call, unless the log changes before.
  func giveWay(isSessionActive: Bool, isGroupCommitAwaited: Bool) throws -> Double {
    let pause = try look(isSessionActive: isSessionActive, isGroupCommitAwaited)
    guard pause == Self.longPause, watch.isPossible else { return pause }
    // The log is quiet. Watch it from now on, and read it once more for a write just before.
    return watch.arm() ? pause : 0
  }

  private func look(isSessionActive: Bool, _ isAwaited: Bool) throws -> Double {
    let isAllStored = progress.withLock { $0.isAllStored }
    let isWritten = Clock.monotonicSeconds - watch.lastChange < Self.attention
    let idle = isWritten ? Self.shortPause : Self.longPause
    return try capturer.withLock { site in
      guard let capture = site.capture, capture.pins == 0 else { return Self.longPause }
      let before = capture.encoder.transaction
      defer { capturer.publish(capture, since: before) }
      let now = Clock.monotonicSeconds
      let end = try LogEnd.of(capture.guardian.file)
      if end != capture.quiet.end {
        capture.quiet = Capture.Quiet(end: end, since: now, isOwn: isSessionActive)
      } else if isSessionActive {
        capture.quiet.isOwn = true
      }
      guard let end, end.frame > 0 else { return idle }
      guard try capture.hasTaken(end), capture.framesTaken == end.frame else { return Self.shortPause }
      try follow(end, capture)
      let quiet = now - capture.quiet.since
      // A session that waits for each commit makes short pauses, which do not mean that it rests.
      let delay = capture.quiet.isOwn || isAwaited ? Self.ownDelay : Self.delay
      if !end.isCopied, isAllStored, quiet >= delay, !capture.quiet.hasCopied,
        capturer.pendingCommits.readLimit == nil
      {
        capture.quiet.hasCopied = true
        try copyQuietLog(capture)
      }
      return quiet < Self.attention ? Self.shortPause : idle
    }
  }

  /// Moves the guard to the place that blocks others least.
  private func follow(_ end: LogEnd, _ capture: Capture) throws {
    guard capture.guardian.place != (end.isCopied ? .file : .log(frames: end.frame)) else { return }
    do {
      // A new commit is in the log alone.
      if try moveGuard(capture) { noteCopied(capture) }
    } catch is SQLiteError {
      // Another process changes the log, or the files are gone. The guard stays, and the next look
      // shows the cause.
    }
  }

  private func copyQuietLog(_ capture: Capture) throws {
    do {
      let guardian = capture.guardian
      _ = try copyLog(of: capture) { () throws(SQLiteError) in try guardian.checkpoint() }
    } catch is SQLiteError {
      // The disk is full, or the file is another one. A long log does no harm, and other code
      // reports the error.
    }
  }

  // MARK: Copying

  /// Copies the log into the database file with `copy`, and moves the guard before and after.
  private func copyLog(
    of capture: Capture, _ copy: () throws(SQLiteError) -> Connection.CheckpointResult
  ) throws -> Bool {
    do {
      return try copyLogUnlessBusy(of: capture, copy)
    } catch let error as SQLiteError where error.isBusy {
      // Another process checkpoints: try again later.
      return false
    }
  }

  private func copyLogUnlessBusy(
    of capture: Capture, _ copy: () throws(SQLiteError) -> Connection.CheckpointResult
  ) throws -> Bool {
    guard try capture.takeAll() else { return false }
    capturer.publish(capture)
    // The guard moves to the end of the log, so that all of it may be copied.
    guard try moveGuard(capture) else { return false }
    // A guard in the log keeps every writer from a restart: a checkpoint must not run beside one
    // (https://www.sqlite.org/wal.html#walresetbug). If the guard stands on the file, all is copied
    // already.
    guard case .log = capture.guardian.place else {
      noteCopied(capture)
      return capture.guardian.place == .file
    }
    let result = try copy()
    guard result.framesInLog == result.framesCheckpointed,
      result.framesInLog == capture.framesTaken || result.framesInLog <= 0
    else { return false }
    // The guard now moves onto the file: the log may be restarted, but no new frame may be copied.
    guard try moveGuard(capture) else { return false }
    noteCopied(capture)
    return true
  }

  /// Moves the guard, and returns whether nothing was committed meanwhile.
  ///
  /// Afterwards the log may be restarted. If captured commits are not stored yet, then neither the
  /// log nor the file holds the state at the replica's end. Therefore the record first notes that
  /// this file holds these commits (row e of the table of starts).
  private func moveGuard(_ capture: Capture) throws -> Bool {
    capturer.publish(capture)
    if progress.withLock({ $0.hasBase && $0.created < $0.captured }) { recorder.save() }
    return try capture.renewGuard()
  }

  /// Notes that the database file holds every captured commit, if the guard stands on the file.
  private func noteCopied(_ capture: Capture) {
    guard capture.guardian.place == .file,
      let stamp = try? PositionRecord.FileStamp.of(capturer.database)
    else { return }
    let isAtRest = progress.withLock {
      $0.fileStamp = stamp
      $0.restingTransaction = capture.encoder.transaction
      return $0.created == capture.encoder.transaction && $0.tip?.state == capture.encoder.state
    }
    if isAtRest { recorder.save() }
  }

  // MARK: Constants

  /// Seconds between two reads of the log if no file event reports commits, as on network file
  /// systems.
  static let longPause = 0.2
  /// Seconds between two reads of the log while a checkpoint may wait for the guard.
  ///
  /// SQLite's busy handler tries again after 1, 2, 5, 10, 15, 20 and 25 ms.
  private static let shortPause = 0.003
  /// Seconds after a change during which the short pause applies.
  private static let attention = 0.7
  /// Seconds without a change before a log is copied.
  ///
  /// `ownDelay` applies after the session's own changes, because a session may continue soon.
  private static let delay = 0.03
  private static let ownDelay = 0.5
}
