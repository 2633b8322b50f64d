import Dispatch
import Files
import ReplicaFormat

/// Stores the statements of transactions whose slices are stored, in order, on its own thread.
///
/// No commit waits for them. Under load they are sent ten times less often than slices, and several
/// become one object.
final class BatchUploader: Sendable {
  private struct State {
    var waiting: [PendingUpload.Batch] = []
    /// Batches of slices that do not count yet, because the base of their generation is not stored.
    var early: [PendingUpload.Batch] = []
    /// The times of the last and of the next upload; monotonic seconds.
    var lastStart = -Double.infinity
    var due = Double.infinity
  }

  private let store: RetryingStore
  private let maintainer: Maintainer
  private let settings: MirrorSettings
  private let running: DispatchGroup
  private let thread: SerialQueue
  private let state = OrderedLock(.batches, State())

  init(
    _ store: RetryingStore, _ maintainer: Maintainer, _ settings: MirrorSettings, in running: DispatchGroup,
    on pool: WorkerPool?
  ) {
    self.store = store
    self.maintainer = maintainer
    self.settings = settings
    self.running = running
    thread = SerialQueue("mirror.statements", on: pool)
  }

  private var progress: Progress { store.progress }

  /// Queues the batch of a stored slice, after the batches that wait already.
  ///
  /// Small batches are joined. A batch is created only when its slice counts, so each batch in the
  /// store belongs to the chain. Called on the thread that stored the slice.
  func upload(_ batch: PendingUpload.Batch) {
    let isDue = state.withLock { state in
      let isOpen = progress.withLock {
        guard $0.openGeneration == batch.generation else { return false }
        $0.batches += 1
        return true
      }
      if isOpen { state.waiting.append(batch) } else { state.early.append(batch) }
      return isOpen
    }
    if isDue { schedule() }
  }

  /// Uploads the batches that waited for the base of a generation, which is now open.
  func release() {
    let early = state.withLock { state in
      defer { state.early = [] }
      return state.early
    }
    let open = progress.withLock { $0.openGeneration }
    for batch in early where batch.generation == open { upload(batch) }
  }

  /// Schedules the upload of the batches that wait.
  func schedule() {
    let isAwaited = progress.withLock { $0.statementFlushes > 0 }
    let due: Double? = state.withLock { state in
      guard !state.waiting.isEmpty else { return nil }
      let due = Pacing.batchesDue(
        Pacing.BatchFacts(
          lastStart: state.lastStart, bytes: state.waiting.reduce(0) { $0 + $1.bytes.count },
          sliceInterval: settings.syncInterval, batchInterval: settings.statementInterval,
          isAwaited: isAwaited))
      guard due < state.due else { return nil }
      state.due = due
      return due
    }
    guard let due else { return }
    // A strong reference is faster: an object with weak references is slow to retain, and each
    // commit retains it about ten times.
    thread.async(after: due - Clock.monotonicSeconds) { self.send(due: due) }
  }

  private func send(due: Double) {
    running.enter()
    defer { running.leave() }
    let isDue = state.withLock { state in
      // An earlier call may have sent the batches for a waiting thread.
      guard state.due == due else { return false }
      state.due = .infinity
      return !state.waiting.isEmpty
    }
    guard isDue, !progress.isStopped else { return }
    sendNext()
    schedule()
  }

  private func sendNext() {
    let batches = takeNext()
    do {
      if let batch = try joined(batches), try store.upload(batch.object) {
        progress.withLock {
          if $0.generation == batch.generation { $0.statements.insert(batch.name.transactions) }
        }
        maintainer.note(batch: batch)
      }
    } catch {
      store.fail(error as? MirrorError ?? MirrorError(.store, "\(error)"))
    }
    progress.update { $0.batches -= batches.count }
  }

  /// Takes the batches that become one object.
  private func takeNext() -> [PendingUpload.Batch] {
    state.withLock { state in
      state.lastStart = Clock.monotonicSeconds
      var count = 0
      var bytes = 0
      while count < state.waiting.count {
        bytes += state.waiting[count].bytes.count
        guard
          count == 0
            || bytes <= Pacing.joinedBytes && Self.follows(state.waiting[count], state.waiting[count - 1])
        else { break }
        count += 1
      }
      defer { state.waiting.removeFirst(count) }
      return Array(state.waiting[..<count])
    }
  }

  private static func follows(_ batch: PendingUpload.Batch, _ before: PendingUpload.Batch) -> Bool {
    batch.generation == before.generation
      && batch.name.transactions.lowerBound == before.name.transactions.upperBound + 1
  }

  /// Joins consecutive batches into one.
  private func joined(_ batches: [PendingUpload.Batch]) throws -> PendingUpload.Batch? {
    guard batches.count > 1, let last = batches.last,
      let whole = try StatementMerge.merge(
        batches.map { ($0.object.name, $0.bytes) }, generation: last.generation)
    else { return batches.first }
    return PendingUpload.Batch(
      generation: last.generation, name: BatchName(whole.transactions, id: last.name.id), bytes: whole.bytes)
  }
}
