import Files
import ReplicaFormat
import SQLite

/// Copies SQLite's log into the database file at the right moments, and lets checkpoints of others pass.
///
/// A checkpoint that is to finish the log (`FULL`, `RESTART`, `TRUNCATE`) holds SQLite's write lock while it waits for readers,
/// the guard among them. So the guard follows the log: it stands at the last frame taken, which lets all of it be copied, and on the
/// database file as soon as that holds all of it, which lets the log be restarted. A log that is left alone is copied at once,
/// so that such a checkpoint finds nothing in its way.
struct Checkpointer: Sendable {
  let capturer: Capturer
  let progress: Progress
  let queue: UploadQueue
  let recorder: PositionRecorder
  let watch: LogWatch
  let settings: MirrorSettings

  // MARK: On the session's thread

  /// Checkpoints on the session's own connection, between its statements, once all of the log is captured.
  ///
  /// Returns whether the log may now start from its beginning; nil if another thread has the log, or somebody reads a
  /// snapshot, and nothing was done.
  ///
  /// SQLite up to 3.51.2 may lose commits when a second connection checkpoints beside a writer
  /// (https://www.sqlite.org/wal.html#walresetbug): hence only here.
  func checkpoint(_ connection: Connection) throws -> Bool? {
    let done: Bool?? = try capturer.withLockIfAvailable { site in
      guard let capture = site.capture, capture.pins == 0 else { return nil }
      return try copyLog(of: capture) { () throws(SQLiteError) in try connection.checkpoint(.passive) }
    }
    queue.arrivals.raise()
    return done ?? nil
  }

  /// Lets a checkpoint pass that the session is about to make.
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
  /// Their own checkpoints cannot pass the guard. While they write without a pause, the log grows until they make one.
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
      // Each attempt needs a moment without a commit: the longer the log, the more of them.
      let step = isLogLong ? frames / 32 : frames / 4
      guard capture.framesTaken >= frames, capture.framesTaken - capture.copiedFrames >= step else { return }
      for _ in 0..<3 where capturer.pendingCommits.readLimit == nil {
        capture.copiedFrames = capture.framesTaken
        let guardian = capture.guardian
        if try copyLog(of: capture, { () throws(SQLiteError) in try guardian.checkpoint() }) { return }
        // Nothing new came, so nothing more can be copied: others read an older state.
        if capture.framesTaken == capture.copiedFrames { return }
      }
    }
  }

  /// Whether the log is near the limit it should stay under while the store keeps up.
  private var isLogLong: Bool {
    progress.withLock { $0.framesCaptured * $0.pageSize > settings.logLimit / 8 * 5 }
  }

  /// Moves the guard to where checkpoints of others pass, and copies a quiet log.
  ///
  /// Call with all taken that can be. Returns the seconds after which to look again, unless the log changes before.
  func giveWay(isSessionActive: Bool, isGroupCommitAwaited: Bool) throws -> Double {
    let pause = try look(isSessionActive: isSessionActive, isGroupCommitAwaited)
    guard pause == Self.longPause, watch.isPossible else { return pause }
    // The log is at rest: watched from now on, and looked at once more, for what was written just before.
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
      // Sessions that wait for each commit make pauses that mean nothing.
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

  /// Puts the guard where it keeps others from as little as possible.
  private func follow(_ end: LogEnd, _ capture: Capture) throws {
    guard capture.guardian.place != (end.isCopied ? .file : .log(frames: end.frame)) else { return }
    do {
      // A commit that came meanwhile is in the log alone.
      if try moveGuard(capture) { noteCopied(capture) }
    } catch is SQLiteError {
      // Another process changes the log, or the files are gone: the guard stays where it is, and the next look shows why.
    }
  }

  private func copyQuietLog(_ capture: Capture) throws {
    do {
      let guardian = capture.guardian
      _ = try copyLog(of: capture) { () throws(SQLiteError) in try guardian.checkpoint() }
    } catch is SQLiteError {
      // The disk is full, or the file is another one: a log that stays long does no harm, and others will say what is wrong.
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
      // Another process checkpoints: there will be another occasion.
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
    // A guard that stands in the log keeps every writer from restarting it: a checkpoint must not run beside a restart
    // (https://www.sqlite.org/wal.html#walresetbug). If it stands on the file, all is copied already.
    guard case .log = capture.guardian.place else {
      noteCopied(capture)
      return capture.guardian.place == .file
    }
    let result = try copy()
    guard result.framesInLog == result.framesCheckpointed,
      result.framesInLog == capture.framesTaken || result.framesInLog <= 0
    else { return false }
    // Now it moves to where the log may be restarted, but nothing new be copied.
    guard try moveGuard(capture) else { return false }
    noteCopied(capture)
    return true
  }

  /// Moves the guard on; returns whether nothing was committed meanwhile.
  ///
  /// Afterwards the log may be restarted, and then nothing in it or in the file shows the state that the replica ends with if captured
  /// commits are not stored yet. So the record says first that this file holds them (row e of the table of starts).
  private func moveGuard(_ capture: Capture) throws -> Bool {
    capturer.publish(capture)
    if progress.withLock({ $0.hasBase && $0.created < $0.captured }) { recorder.save() }
    return try capture.renewGuard()
  }

  /// Notes that the database file holds all that was taken, if the guard stands on it.
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

  /// Looks for commits of processes that nothing tells of, as on file systems of other hosts; seconds.
  private static let longPause = 0.2
  /// Between two looks while a checkpoint may wait for the guard.
  ///
  /// SQLite's busy handler looks again after 1, 2, 5, 10, 15, 20, 25 ms.
  private static let shortPause = 0.003
  /// How long to look so often after a change.
  private static let attention = 0.7
  /// Until a log is copied that others left alone, or that the session left alone, which may go on soon.
  private static let delay = 0.03
  private static let ownDelay = 0.5
}
