import Files
import SQLite
import Synchronization

/// How the mirror lets checkpoints of others pass.
///
/// A checkpoint that is to finish the log (`FULL`, `RESTART`, `TRUNCATE`) holds SQLite's write lock while it waits for readers,
/// the guard among them. So the guard follows the log: it stands at the last frame taken, which lets all of it be copied, and on the
/// database file as soon as that holds all of it, which lets the log be restarted. A log that is left alone is copied at once,
/// so that such a checkpoint finds nothing in its way.
extension Engine {
  /// Moves the guard to where checkpoints of others pass, and copies a quiet log.
  ///
  /// Call with all taken that can be. Returns the seconds after which to look again, unless the log changes before.
  func giveWay(isSessionActive: Bool) throws -> Double {
    let pause = try look(isSessionActive: isSessionActive)
    guard pause == Self.longPause, let logChanges else { return pause }
    // The log is at rest: watched from now on, and looked at once more, for what was written just before.
    let wasWatched = isLogWatched.withLock { isWatched in
      defer { isWatched = true }
      return isWatched
    }
    guard !wasWatched else { return pause }
    logChanges.arm()
    return 0
  }

  private func look(isSessionActive: Bool) throws -> Double {
    let isAllStored = state.withLock { $0.hasBase && $0.uploaded == $0.captured }
    let isWritten = Clock.monotonicSeconds - logWritten.withLock { $0 } < Self.attention
    let isAwaited = isGroupCommitAwaited
    let idle = isWritten ? Self.shortPause : Self.longPause
    return try capture.withLock { site in
      guard let capture = site.capture, capture.pins == 0 else { return Self.longPause }
      let before = capture.encoder.transaction
      defer { noteTaken(capture, since: before) }
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
      if !end.isCopied, isAllStored, quiet >= delay, !capture.quiet.hasCopied, pendingCommits.readLimit == nil
      {
        capture.quiet.hasCopied = true
        try copyQuietLog(capture)
      }
      return quiet < Self.attention ? Self.shortPause : idle
    }
  }

  /// A guard that moves takes what came meanwhile: that must be uploaded as all else.
  func noteTaken(_ capture: Capture, since before: UInt64) {
    guard capture.encoder.transaction != before || capture.encoder.isFull else { return }
    note(capture)
    uploadSignal.raise()
  }

  /// Puts the guard where it keeps others from as little as possible.
  private func follow(_ end: LogEnd, _ capture: Capture) throws {
    guard capture.guardian.place != (end.isCopied ? .file : .log(frames: end.frame)) else { return }
    do {
      // A commit that came meanwhile is in the log alone.
      if try capture.renewGuard() { noteCopied(capture) }
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

  /// Lets a checkpoint pass that the session is about to make.
  func giveWay(to connection: Connection) {
    _ = try? capture.withLock { site in
      guard let capture = site.capture, capture.pins == 0 else { return false }
      return try copyLog(of: capture) { () throws(SQLiteError) in try connection.checkpoint(.passive) }
    }
    uploadSignal.raise()
  }

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
