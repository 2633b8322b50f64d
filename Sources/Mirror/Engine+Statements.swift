import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

extension Engine {
  /// Statement batches that wait to be uploaded, in order.
  struct WaitingBatches {
    var batches: [Outgoing.Object] = []
    var isSending = false
    /// When the last upload began; monotonic seconds.
    var lastStart = -Double.infinity
  }

  /// Seconds at least from the beginning of one upload of statements to the next: nobody waits for them as for slices.
  private static let batchInterval = 0.02
  /// Batches that wait are joined up to so many bytes.
  private static let joinedBytes = 256 << 10

  /// Whether the store answered last so soon that two requests at once are slower than one after the other.
  var isStoreNear: Bool { state.withLock { $0.lastPutSeconds < 0.005 } }

  /// Has a batch uploaded, after those that wait already and together with them where they are small.
  func uploadLater(_ batch: Outgoing.Object) {
    state.withLock { $0.batches += 1 }
    let start: Double? = waitingBatches.withLock {
      $0.batches.append(batch)
      guard !$0.isSending else { return nil }
      $0.isSending = true
      return $0.lastStart + Self.batchInterval
    }
    if let start { sendBatches(at: start) }
  }

  private func sendBatches(at start: Double) {
    running.enter()
    let wait = state.withLock { $0.isFlushing > 0 } ? 0 : max(start - Clock.monotonicSeconds, 0)
    statementQueue.asyncAfter(deadline: .now() + wait) {
      self.sendNextBatches()
      let next: Double? = self.waitingBatches.withLock {
        $0.isSending = !$0.batches.isEmpty && !self.isStopped
        return $0.isSending ? $0.lastStart + Self.batchInterval : nil
      }
      if let next { self.sendBatches(at: next) }
      self.running.leave()
    }
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
      if let batch = try joined(batches), try upload(batch, unlessPresent: true) {
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

  private static func follows(_ batch: Outgoing.Object, _ before: Outgoing.Object) -> Bool {
    guard let range = ReplicaLayout.statementRange(of: batch.name),
      let previous = ReplicaLayout.statementRange(of: before.name)
    else { return false }
    return ReplicaLayout.generation(of: batch.name) == ReplicaLayout.generation(of: before.name)
      && range.lowerBound == previous.upperBound + 1
  }

  /// One batch of several that follow one another.
  private func joined(_ batches: [Outgoing.Object]) throws -> Outgoing.Object? {
    guard batches.count > 1, let first = batches.first,
      let generation = ReplicaLayout.generation(of: first.name),
      let whole = try StatementMerge.merge(batches.map { ($0.name, $0.bytes) }, generation: generation)
    else { return batches.first }
    return Outgoing.Object(
      name: ReplicaLayout.statements(generation, whole.transactions), bytes: whole.bytes)
  }
}
