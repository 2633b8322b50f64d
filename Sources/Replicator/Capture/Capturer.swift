import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Reads commits from SQLite's log and passes them to the encoder; holds the only lock on the log.
///
/// Three kinds of threads call it: the capturing thread, sessions that wait for their commits, and
/// the thread that answers standbys. Callers pass no facts about the log: it reads the log and its
/// index itself.
///
/// The unchecked conformance holds because `site` is used under `lock` only.
final class Capturer: @unchecked Sendable {
  /// The guard, and the capture once its start is known.
  final class Site {
    let guardian: Guard
    var capture: Capture?
    var isClosed = false
    init(_ guardian: Guard) { self.guardian = guardian }
  }

  let database: String
  let pendingCommits = PendingCommits()
  /// Wakes the capturing thread.
  let wakeup = Wakeup()
  private let progress: Progress
  private let queue: UploadQueue
  private let site: Site
  /// A semaphore, because waiting threads then sleep.
  ///
  /// The session holds it during a checkpoint, and a `Mutex` would keep a core busy meanwhile.
  private let lock = Semaphore(1)

  init(_ guardian: sending Guard, of database: String, _ progress: Progress, _ queue: UploadQueue) {
    site = Site(guardian)
    self.database = database
    self.progress = progress
    self.queue = queue
  }

  func withLock<Result>(_ body: (Site) throws -> Result) rethrows -> Result {
    LockOrder.log.enter()
    lock.wait()
    defer {
      lock.signal()
      LockOrder.log.leave()
    }
    return try body(site)
  }

  /// Returns nil if another thread has the lock.
  func withLockIfAvailable<Result>(_ body: (Site) throws -> Result) rethrows -> Result? {
    guard lock.tryWait() else { return nil }
    LockOrder.log.enter()
    defer {
      lock.signal()
      LockOrder.log.leave()
    }
    return try body(site)
  }

  /// Releases the log; nothing is captured afterwards.
  func close() {
    withLock { site in
      guard !site.isClosed else { return }
      site.isClosed = true
      site.capture = nil
      site.guardian.close()
    }
  }

  // MARK: Reading

  /// Returns the current end of the log; nil if there is no log, or mirroring has ended.
  func end() throws -> LogEnd? {
    try withLock { site in site.isClosed ? nil : try LogEnd.of(site.guardian.file) }
  }

  /// Returns the current end of the log without waiting; nil if another thread has the lock.
  func endIfAvailable() -> LogEnd? {
    withLockIfAvailable { site in site.isClosed ? nil : try? LogEnd.of(site.guardian.file) } ?? nil
  }

  /// Captures commits, and reads about `bytes` bytes at most; returns the reason for which it
  /// stopped.
  @discardableResult
  func capture(bytes: Int, wakesUploader: Bool = true) throws -> Capture.Stop {
    let taken: (stop: Capture.Stop, changed: Bool)? = try withLock { site in
      guard let capture = site.capture else { return nil }
      let before = capture.encoder.transaction
      let stop = try capture.advance(bytes: bytes)
      publish(capture)
      return (stop, capture.encoder.transaction != before || queue.isFull)
    }
    if taken?.changed == true, wakesUploader { queue.arrivals.raise() }
    return taken?.stop ?? .atEnd
  }

  /// The result of an attempt to capture up to a place in the log.
  enum Reach {
    /// Everything up to the place is captured: the last transaction, and its generation.
    case taken(UInt64, GenerationID)
    case stopped(Capture.Stop)
  }

  /// Captures about 64 MiB of the log at most, and checks whether that reaches `end`.
  func capture(through end: LogEnd?, wakesUploader: Bool = true) throws -> Reach {
    let stop = try capture(bytes: 64 << 20, wakesUploader: wakesUploader)
    return try withLock { site in
      guard let capture = site.capture, try end.map(capture.hasTaken) ?? true else { return .stopped(stop) }
      return .taken(capture.encoder.transaction, capture.encoder.generation)
    }
  }

  /// Publishes the captured transaction; call with the lock.
  func publish(_ capture: Capture) {
    let encoder = capture.encoder
    progress.withLock {
      $0.captured = encoder.transaction
      $0.framesCaptured = capture.framesTaken
      $0.pageSize = encoder.state.pageSize
      $0.databaseBytes = Int(encoder.state.pages) * encoder.state.pageSize
      if $0.oldest == nil { $0.oldest = encoder.oldestOpenTime }
    }
  }

  /// Publishes commits that a moving guard captured after transaction `before`, and wakes the
  /// uploader.
  ///
  /// Call with the lock.
  func publish(_ capture: Capture, since before: UInt64) {
    guard capture.encoder.transaction != before || queue.isFull else { return }
    publish(capture)
    queue.arrivals.raise()
  }

  // MARK: The open slice

  var hasOpenSlice: Bool { withLock { $0.capture?.encoder.hasOpenSlice ?? false } }

  /// Time of the oldest commit in the open slice, microseconds since 1970; nil if there is none.
  var oldestOpenTime: Int64? { withLock { $0.capture?.encoder.oldestOpenTime } }

  /// Moves the open slice to the queue, if there is one.
  func closeSlice() {
    withLock { site in
      guard let encoder = site.capture?.encoder else { return }
      encoder.stored = progress.withLock { $0.stored }
      encoder.closeSlice()
    }
  }

  /// Ends capturing for the current generation.
  ///
  /// With `keepsCaptured`, captured commits are still stored; otherwise they are dropped.
  func giveUp(keepsCaptured: Bool) {
    withLock { site in
      if keepsCaptured { site.capture?.encoder.closeSlice() } else { queue.removeAll() }
      site.capture = nil
    }
    queue.arrivals.raise()
  }

  /// Moves the guard to the current end of the log.
  func renewGuard() throws {
    try withLock { site in if !site.isClosed { try site.guardian.renew() } }
  }

  /// Releases buffers that the next commit makes again.
  func trim() { withLock { $0.capture?.trim() } }

  // MARK: Snapshots

  /// Returns everything captured, to read until `unpin`; nil if a commit is half encoded.
  ///
  /// Closes the open slice, because a slice never spans a base. Throws `.notMirrored` if nothing is
  /// captured yet.
  func snapshot(keepApart: (_ transaction: UInt64) -> Void) throws -> BaseSnapshot? {
    defer { queue.arrivals.raise() }
    return try withLock { site in
      guard let capture = site.capture else {
        throw MirrorError(.notMirrored, "the mirror has not started yet")
      }
      _ = try capture.advance(bytes: 64 << 20)
      publish(capture)
      let encoder = capture.encoder
      guard !encoder.isInsideCommit else { return nil }
      encoder.closeSlice()
      capture.pins += 1
      keepApart(encoder.transaction)
      return BaseSnapshot(
        pages: capture.snapshot(), generation: encoder.generation,
        base: BaseName(encoder.transaction, id: encoder.place.previous), time: encoder.timeOfPresent(),
        state: encoder.state)
    }
  }

  /// Permits the guard to move again, after a snapshot of a generation was read.
  func unpin(_ generation: GenerationID) {
    withLock { site in
      if let capture = site.capture, capture.encoder.generation == generation { capture.pins -= 1 }
    }
  }
}

/// The content of a base: the pages after a transaction.
struct BaseSnapshot: Sendable {
  let pages: Snapshot
  let generation: GenerationID
  let base: BaseName
  /// Microseconds since 1970; between the times of that transaction and the next one.
  let time: Int64
  let state: DatabaseState
}
