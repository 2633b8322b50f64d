import Dispatch
import Files
import ObjectStore
import Synchronization

extension Engine {
  /// Waits until everything committed so far is in the store; with `all`, the statements too.
  ///
  /// Throws after `seconds`, when interrupted, or at once where trying again will not help.
  func flush(seconds: Double, all: Bool, isInterrupted: (() -> Bool)? = nil) throws {
    if !all, settings.durability == .sync, flushAtOnce() { return }
    let deadline = Clock.monotonicSeconds + seconds
    if all {
      state.withLock { $0.isFlushingAll += 1 }
      scheduleBatches()
    }
    defer { if all { state.withLock { $0.isFlushingAll -= 1 } } }
    try wait(until: deadline, seconds, isInterrupted) { $0.phase == .running }
    while true {
      // Where the outbox is full there is more to capture each time something is uploaded.
      while try captureForFlush(until: deadline) {
        let before = state.withLock { $0.uploaded }
        if capture.withLock({ $0.capture?.encoder.isFull ?? false }) {
          try wait(until: deadline, seconds, isInterrupted) { $0.uploaded != before }
        }
      }
      let (last, generation) = state.withLock { ($0.captured, $0.generation) }
      try wait(until: deadline, seconds, isInterrupted) {
        // A new generation has its own numbers, and a base that holds everything.
        $0.phase == .running && $0.hasBase && ($0.uploaded >= last || $0.generation != generation)
          && (!all || $0.batches == 0)
      }
      if state.withLock({ $0.generation == generation }) { return }
    }
  }

  /// The same on the calling thread alone, for one commit soon after the other; false where that cannot be.
  ///
  /// A request under way is given up a second or two after an interrupt, by the store: so a commit after a while, as of a
  /// person, is waited for.
  private func flushAtOnce() -> Bool {
    let began = Clock.monotonicSeconds
    defer { state.withLock { $0.lastAwaited = Clock.monotonicSeconds } }
    guard state.withLock({ began - $0.lastAwaited < Self.burst && $0.phase == .running && $0.hasBase }),
      (try? captureOnce(bytes: 64 << 20, tellsUploader: false)) == false
    else { return false }
    let (last, generation) = state.withLock { ($0.captured, $0.generation) }
    return uploadAtOnce(upTo: last) && state.withLock { $0.generation == generation }
  }

  /// Seconds between two commits that belong together.
  private static let burst = 0.05

  /// Whether another process waited for commits of its own a moment ago.
  var hasCompany: Bool { state.withLock { $0.recordWanted > Clock.monotonicSeconds } }

  /// Answers processes that stand by and wait for commits of theirs.
  func demandLoop(_ demand: FileWatch) {
    while !isStopped {
      guard demand.wait(seconds: nil), !isStopped else { continue }
      state.withLock { $0.recordWanted = Clock.monotonicSeconds + 1 }
      do {
        while try captureOnce(bytes: 64 << 20), capture.withLock({ $0.capture?.encoder.isFull == false }) {}
      } catch {
        captureSignal.raise()
      }
      if state.withLock({ $0.uploaded == $0.captured }) { saveRecord() } else { uploadSignal.raise() }
    }
  }

  /// `captureOnce`, for a thread that only waits: what it finds wrong with the log is the capturing thread's to deal with.
  private func captureForFlush(until deadline: Double) throws -> Bool {
    while true {
      do {
        return try captureOnce(bytes: 64 << 20)
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
          throw MirrorError(.timeout, "no answer from \(store.url) in \(Int(seconds)) s\(lastErrorText)")
        }
      }
    }
  }
}
