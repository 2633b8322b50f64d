import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization

extension Engine {
  /// Waits until everything committed so far is in the store; with `all`, the statements too.
  ///
  /// Throws after `seconds`, when interrupted, or at once where trying again will not help.
  func flush(seconds: Double, all: Bool, isInterrupted: (() -> Bool)? = nil) throws {
    let deadline = Clock.monotonicSeconds + seconds
    if !all, settings.durability == .sync, flushAtOnce(until: deadline) { return }
    if all {
      state.withLock { $0.isFlushingAll += 1 }
      scheduleBatches()
    }
    defer { if all { state.withLock { $0.isFlushingAll -= 1 } } }
    let end = try logEnd()
    while true {
      try wait(until: deadline, seconds, isInterrupted) { $0.phase == .running }
      let sent = state.withLock { $0.sent }
      switch try captureForFlush(through: end, until: deadline) {
      case .taken(let last, let generation):
        try wait(until: deadline, seconds, isInterrupted) {
          // A new generation has its own numbers, and a base that holds everything.
          $0.phase == .running && $0.hasBase && ($0.uploaded >= last || $0.generation != generation)
            && (!all || $0.batches == 0)
        }
        if state.withLock({ $0.generation == generation }) { return }
      case .stopped(.full): try wait(until: deadline, seconds, isInterrupted) { $0.sent != sent }
      case .stopped(.budget): break
      case .stopped(.atEnd), .stopped(.unannounced):
        // The log is being looked at anew, or another statement is about to announce its commit.
        captureSignal.raise()
        Clock.sleep(seconds: 0.002)
      }
      guard isInterrupted?() != true else { throw MirrorError(.timeout, "interrupted") }
      guard Clock.monotonicSeconds < deadline else { throw noAnswer(in: seconds) }
    }
  }

  /// Where the log ends now; nil if the database has none, or mirroring has ended.
  private func logEnd() throws -> LogEnd? {
    try capture.withLock { site in site.isClosed ? nil : try LogEnd.of(site.guardian.file) }
  }

  /// How far a look at the log came that is to reach a place in it.
  private enum Reach {
    /// Everything up to the place is taken: the last transaction taken, and its generation.
    case taken(UInt64, GenerationID)
    case stopped(Capture.Stop)
  }

  /// Takes what the log holds, about 64 MiB of it at most, and looks whether that reaches `end`.
  private func capture(through end: LogEnd?, tellsUploader: Bool = true) throws -> Reach {
    let stop = try captureOnce(bytes: 64 << 20, tellsUploader: tellsUploader)
    return try capture.withLock { site in
      guard let capture = site.capture, try end.map(capture.hasTaken) ?? true else { return .stopped(stop) }
      return .taken(capture.encoder.transaction, capture.encoder.generation)
    }
  }

  /// The same on the calling thread alone, for one commit soon after the other; false where that cannot be.
  ///
  /// A request under way is given up a second or two after an interrupt, by the store: so a commit after a while, as of a
  /// person, is waited for.
  private func flushAtOnce(until deadline: Double) -> Bool {
    let began = Clock.monotonicSeconds
    defer { state.withLock { $0.lastAwaited = Clock.monotonicSeconds } }
    guard state.withLock({ began - $0.lastAwaited < Self.burst && $0.phase == .running && $0.hasBase }),
      let end = try? logEnd(),
      case .taken(let last, let generation) = try? capture(through: end, tellsUploader: false)
    else { return false }
    return RequestDeadline.enforce(deadline) { uploadAtOnce(upTo: last) }
      && state.withLock { $0.generation == generation }
  }

  /// Seconds between two commits that belong together.
  private static let burst = 0.05

  /// Whether another process waited for commits of its own a moment ago.
  var isGroupCommitAwaited: Bool { state.withLock { $0.recordWanted > Clock.monotonicSeconds } }

  /// Answers processes that stand by and wait for commits of theirs.
  func demandLoop(_ demand: FileWatch) {
    while !isStopped {
      guard demand.wait(seconds: nil), !isStopped else { continue }
      state.withLock { $0.recordWanted = Clock.monotonicSeconds + 1 }
      do {
        while try captureOnce(bytes: 64 << 20) == .budget {}
      } catch {
        captureSignal.raise()
      }
      if state.withLock({ $0.uploaded == $0.captured }) { saveRecord() } else { uploadSignal.raise() }
    }
  }

  /// Has a log that was at rest looked at as soon as anybody writes to it, or copies it.
  func logLoop(_ changes: FileWatch) {
    while !isStopped {
      guard changes.wait(seconds: nil), !isStopped else { continue }
      logWritten.withLock { $0 = Clock.monotonicSeconds }
      isLogWatched.withLock { $0 = false }
      captureSignal.raise()
    }
  }

  /// `capture`, for a thread that only waits: what it finds wrong with the log is the capturing thread's to deal with.
  private func captureForFlush(through end: LogEnd?, until deadline: Double) throws -> Reach {
    while true {
      do {
        return try capture(through: end)
      } catch let error as MirrorError where error.code == .hole && Clock.monotonicSeconds < deadline {
        captureSignal.raise()
        Clock.sleep(seconds: 0.005)
      }
    }
  }

  private func wait(
    until deadline: Double, _ seconds: Double, _ isInterrupted: (() -> Bool)?, _ isDone: (EngineState) -> Bool
  ) throws {
    state.withLock {
      $0.isFlushing += 1
      $0.retries += 1
    }
    defer { state.withLock { $0.isFlushing -= 1 } }
    uploadSignal.raise()
    let failuresBefore = state.withLock { $0.permanentFailures }
    while true {
      let waiter = DispatchSemaphore(value: 0)
      let done: Bool = try state.withLock {
        if $0.phase == .failed || $0.isStopped {
          throw $0.lastError ?? MirrorError(.notMirrored, "the mirror is off")
        }
        if isDone($0) { return true }
        if $0.permanentFailures > failuresBefore, let error = $0.lastError { throw error }
        $0.waiters.append(waiter)
        return false
      }
      if done { return }
      while waiter.wait(timeout: .now() + 0.1) != .success {
        if isInterrupted?() == true { throw MirrorError(.timeout, "interrupted") }
        guard Clock.monotonicSeconds < deadline else {
          throw noAnswer(in: seconds)
        }
      }
    }
  }

  private func noAnswer(in seconds: Double) -> MirrorError {
    MirrorError(.timeout, "no answer from \(store.url) in \(Int(seconds)) s\(lastErrorText)")
  }
}
