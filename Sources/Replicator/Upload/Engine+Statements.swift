import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

extension Engine {
  /// Statement batches that wait to be uploaded, in order.
  struct WaitingBatches {
    var batches: [PendingUpload.Batch] = []
    /// Those of slices that do not count yet, since the base of their generation is not stored.
    var early: [PendingUpload.Batch] = []
    /// When the last upload began, and when the next is due; monotonic seconds.
    var lastStart = -Double.infinity
    var due = Double.infinity

    fileprivate var byteCount: Int { batches.reduce(0) { $0 + $1.bytes.count } }
  }

  /// Batches that wait are joined up to so many bytes.
  private static let joinedBytes = 256 << 10

  /// Whether the store answered last so soon that two requests at once are slower than one after the other.
  var isStoreNear: Bool { state.withLock { $0.lastPutSeconds < 0.005 } }

  /// Has the batches uploaded that waited for the base of their generation.
  func releaseBatches() {
    let early = waitingBatches.withLock { waiting in
      defer { waiting.early = [] }
      return waiting.early
    }
    let open = state.withLock { $0.openGeneration }
    for batch in early where batch.generation == open { uploadLater(batch) }
  }

  /// Has the batch of a slice that is stored uploaded, after those that wait already and together with them where they are small.
  ///
  /// A batch is created only once its slice counts, so each batch in the store is of the chain.
  func uploadLater(_ batch: PendingUpload.Batch) {
    let isDue = waitingBatches.withLock { waiting in
      let isOpen = state.withLock {
        guard $0.openGeneration == batch.generation else { return false }
        $0.batches += 1
        return true
      }
      if isOpen { waiting.batches.append(batch) } else { waiting.early.append(batch) }
      return isOpen
    }
    if isDue { scheduleBatches() }
  }

  /// Has the batches that wait sent when that is due: the first after quiet and those that somebody waits for at once, what
  /// fills an object as often as slices are sent.
  func scheduleBatches() {
    let isAwaited = state.withLock { $0.isFlushingAll > 0 }
    let due: Double? = waitingBatches.withLock {
      guard !$0.batches.isEmpty else { return nil }
      let isMuch = $0.byteCount >= Self.joinedBytes
      let pause = isMuch ? min(settings.syncInterval, settings.statementInterval) : settings.statementInterval
      let due = isAwaited ? -.infinity : $0.lastStart + pause
      guard due < $0.due else { return nil }
      $0.due = due
      return due
    }
    guard let due else { return }
    // Not weak: an engine that a weak reference knows is slow to retain, which every commit does some ten times. It is soon over.
    statementQueue.asyncAfter(deadline: .now() + max(due - Clock.monotonicSeconds, 0)) {
      self.sendBatches(due: due)
    }
  }

  private func sendBatches(due: Double) {
    running.enter()
    defer { running.leave() }
    let isDue = waitingBatches.withLock { waiting in
      // It may have been sent meanwhile, for somebody who waited.
      guard waiting.due == due else { return false }
      waiting.due = .infinity
      return !waiting.batches.isEmpty
    }
    guard isDue, !isStopped else { return }
    sendNextBatches()
    scheduleBatches()
  }

  private func sendNextBatches() {
    let batches = waitingBatches.withLock { waiting in
      waiting.lastStart = Clock.monotonicSeconds
      var count = 0
      var bytes = 0
      while count < waiting.batches.count {
        bytes += waiting.batches[count].bytes.count
        guard
          count == 0
            || bytes <= Self.joinedBytes && Self.follows(waiting.batches[count], waiting.batches[count - 1])
        else { break }
        count += 1
      }
      defer { waiting.batches.removeFirst(count) }
      return Array(waiting.batches[..<count])
    }
    do {
      if let batch = try joined(batches), try upload(batch.object) {
        noteUploaded(batch: batch)
      }
    } catch {
      fail(error as? MirrorError ?? MirrorError(.store, "\(error)"))
    }
    state.withLock {
      $0.batches -= batches.count
      $0.wakeWaiters()
    }
  }

  private static func follows(_ batch: PendingUpload.Batch, _ before: PendingUpload.Batch) -> Bool {
    batch.generation == before.generation
      && batch.name.transactions.lowerBound == before.name.transactions.upperBound + 1
  }

  /// One batch of several that follow one another.
  private func joined(_ batches: [PendingUpload.Batch]) throws -> PendingUpload.Batch? {
    guard batches.count > 1, let last = batches.last,
      let whole = try StatementMerge.merge(
        batches.map { ($0.object.name, $0.bytes) }, generation: last.generation)
    else { return batches.first }
    return PendingUpload.Batch(
      generation: last.generation, name: BatchName(whole.transactions, id: last.name.id), bytes: whole.bytes)
  }
}
