import Files
import ObjectStore
import ReplicaFormat

/// Waits until the store holds every commit that SQLite's log holds at the call.
struct Flush {
  let capturer: Capturer
  let uploader: SliceUploader
  let batches: BatchUploader
  let queue: UploadQueue
  let progress: Progress
  let health: Health
  let settings: MirrorSettings
  let url: String

  /// Has everything be stored as soon as possible, until the mirror ends.
  func begin() {
    progress.withLock {
      $0.flushes += 1
      $0.statementFlushes += 1
    }
    batches.schedule()
    health.demand()
    queue.arrivals.raise()
    capturer.wakeup.raise()
  }

  /// Waits for at most `seconds`; with `all`, for the statements too.
  ///
  /// Throws `.timeout` at the deadline or if interrupted. Throws the store's error at once if
  /// another attempt cannot help. Called on the session's thread.
  func run(seconds: Double, all: Bool, isInterrupted: (() -> Bool)? = nil) throws {
    let deadline = Clock.monotonicSeconds + seconds
    if !all, settings.durability == .sync, runAtOnce(until: deadline) { return }
    progress.withLock {
      $0.flushes += 1
      if all { $0.statementFlushes += 1 }
    }
    defer {
      progress.withLock {
        $0.flushes -= 1
        if all { $0.statementFlushes -= 1 }
      }
    }
    if all { batches.schedule() }
    func wait(_ isDone: (Progress.State) -> Bool) throws {
      health.demand()
      queue.arrivals.raise()
      try progress.wait(
        until: deadline, health, isInterrupted: isInterrupted, late: { noAnswer(in: seconds) }, isDone)
    }
    let end = try capturer.end()
    while true {
      try wait { $0.phase == .running }
      let sent = progress.withLock { $0.sent }
      switch try capture(through: end, until: deadline) {
      case .taken(let last, let generation):
        try wait {
          // A new generation has its own numbers, and its base holds every commit.
          $0.phase == .running && $0.hasBase && ($0.created >= last || $0.generation != generation)
            && (!all || $0.batches == 0)
        }
        if progress.withLock({ $0.generation == generation }) { return }
      case .stopped(.full): try wait { $0.sent != sent }
      case .stopped(.budget): break
      case .stopped(.atEnd), .stopped(.unannounced):
        // The capturing thread reads the log anew, or another statement is about to announce its
        // commit.
        capturer.wakeup.raise()
        Clock.sleep(seconds: 0.002)
      }
      guard isInterrupted?() != true else { throw MirrorError(.timeout, "interrupted") }
      guard Clock.monotonicSeconds < deadline else { throw noAnswer(in: seconds) }
    }
  }

  /// Captures and stores on the calling thread, for a series of commits.
  ///
  /// Returns false if the uploading thread has to do it.
  private func runAtOnce(until deadline: Double) -> Bool {
    let began = Clock.monotonicSeconds
    defer { progress.withLock { $0.lastAwaited = Clock.monotonicSeconds } }
    guard
      progress.withLock({ began - $0.lastAwaited < Pacing.series && $0.phase == .running && $0.hasBase }),
      let end = try? capturer.end(),
      case .taken(let last, let generation) = try? capturer.capture(through: end, wakesUploader: false)
    else { return false }
    return RequestDeadline.enforce(deadline) { uploader.uploadNow(upTo: last) }
      && progress.withLock { $0.generation == generation }
  }

  /// Calls `Capturer.capture` for a thread that only waits.
  ///
  /// The capturing thread handles faults of the log.
  private func capture(through end: LogEnd?, until deadline: Double) throws -> Capturer.Reach {
    while true {
      do {
        return try capturer.capture(through: end)
      } catch let error as MirrorError where error.code == .hole && Clock.monotonicSeconds < deadline {
        capturer.wakeup.raise()
        Clock.sleep(seconds: 0.005)
      }
    }
  }

  private func noAnswer(in seconds: Double) -> MirrorError {
    MirrorError(.timeout, "no answer from \(url) in \(Int(seconds)) s\(health.lastErrorText)")
  }
}
