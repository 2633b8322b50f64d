import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Reads commits from SQLite's log and has them encoded; holds the only lock on the log.
///
/// The capturing thread calls it, sessions that wait for their commits, and who answers a standby. It is told of nothing else: what
/// the log holds is asked of the log and its index.
///
/// The unchecked conformance is true because `site` is reached under `lock` only.
final class Capturer: @unchecked Sendable {
  /// The guard, and the capture once it is known where to begin.
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
  /// Who waits sleeps: the session has it for a whole checkpoint, and a `Mutex` would keep a core busy meanwhile.
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

  /// Lets go of the log; nothing is captured any more.
  func close() {
    withLock { site in
      guard !site.isClosed else { return }
      site.isClosed = true
      site.capture = nil
      site.guardian.close()
    }
  }

  // MARK: Reading

  /// Where the log ends now; nil if the database has none, or mirroring has ended.
  func end() throws -> LogEnd? {
    try withLock { site in site.isClosed ? nil : try LogEnd.of(site.guardian.file) }
  }

  /// The same without waiting for the lock; nil if another thread has it.
  func endIfAvailable() -> LogEnd? {
    withLockIfAvailable { site in site.isClosed ? nil : try? LogEnd.of(site.guardian.file) } ?? nil
  }

  /// Takes what the log holds, reading about `bytes` bytes at most; returns why it stopped.
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

  /// How far a look at the log came that is to reach a place in it.
  enum Reach {
    /// Everything up to the place is taken: the last transaction taken, and its generation.
    case taken(UInt64, GenerationID)
    case stopped(Capture.Stop)
  }

  /// Takes what the log holds, about 64 MiB of it at most, and looks whether that reaches `end`.
  func capture(through end: LogEnd?, wakesUploader: Bool = true) throws -> Reach {
    let stop = try capture(bytes: 64 << 20, wakesUploader: wakesUploader)
    return try withLock { site in
      guard let capture = site.capture, try end.map(capture.hasTaken) ?? true else { return .stopped(stop) }
      return .taken(capture.encoder.transaction, capture.encoder.generation)
    }
  }

  /// Publishes how far the log is read; call with the lock.
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

  /// Publishes what a moving guard has taken since transaction `before`, and has it uploaded; call with the lock.
  func publish(_ capture: Capture, since before: UInt64) {
    guard capture.encoder.transaction != before || queue.isFull else { return }
    publish(capture)
    queue.arrivals.raise()
  }

  // MARK: The open slice

  var hasOpenSlice: Bool { withLock { $0.capture?.encoder.hasOpenSlice ?? false } }

  /// Time of the oldest commit in the open slice, microseconds since 1970; nil if there is none.
  var oldestOpenTime: Int64? { withLock { $0.capture?.encoder.oldestOpenTime } }

  /// Closes the open slice, if there is one: it goes to the queue.
  func closeSlice() {
    withLock { site in
      guard let encoder = site.capture?.encoder else { return }
      encoder.stored = progress.withLock { $0.stored }
      encoder.closeSlice()
    }
  }

  /// Ends capturing for the present generation.
  ///
  /// With `keepsCaptured` what was captured is still uploaded; else it is given up.
  func giveUp(keepsCaptured: Bool) {
    withLock { site in
      if keepsCaptured { site.capture?.encoder.closeSlice() } else { queue.removeAll() }
      site.capture = nil
    }
    queue.arrivals.raise()
  }

  /// Holds the end of the log as it is now.
  func renewGuard() throws {
    try withLock { site in if !site.isClosed { try site.guardian.renew() } }
  }

  // MARK: Snapshots

  /// Everything captured, to read until `unpin`; nil if a commit is half encoded.
  ///
  /// Closes the open slice, since slices never reach across a base. Throws `.notMirrored` if nothing is captured yet.
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

  /// Lets the guard move again: a snapshot of a generation is no longer read.
  func unpin(_ generation: GenerationID) {
    withLock { site in
      if let capture = site.capture, capture.encoder.generation == generation { capture.pins -= 1 }
    }
  }
}

/// What a base is made of: pages, and the transaction they are the state after.
struct BaseSnapshot: Sendable {
  let pages: Snapshot
  let generation: GenerationID
  let base: BaseName
  /// Microseconds since 1970; not before that transaction's, nor after the next one's.
  let time: Int64
  let state: DatabaseState
}
