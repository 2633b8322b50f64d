import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

/// Creates the entries of the log in order, one at a time.
///
/// Commits during an upload go together into the next slice. Every entry reaches the store through
/// `step`. The uploading thread calls it. In `sync` the session's thread calls it too, which saves
/// a change of threads: a third of the time of a commit.
final class SliceUploader: Sendable {
  private let queue: UploadQueue
  private let capturer: Capturer
  private let log: SessionLog
  private let store: RetryingStore
  private let batches: BatchUploader
  private let maintainer: Maintainer
  private let recorder: PositionRecorder
  private let settings: MirrorSettings
  private let state = OrderedLock(.uploader, State())

  private struct State {
    /// The times when the last slice and the last record began; monotonic seconds.
    var lastStart = -Double.infinity
    var lastRecord = -Double.infinity
    var isRecordDue = false
    /// Commits in the last slice, and commits during its upload.
    var groupCommitSize = 0
    /// Failed attempts in a row, on a host.
    var failures = 0
    /// Entries that are being stored, or failed at the first attempt: one, or a turn and the slice
    /// after it.
    var held: [PendingUpload] = []
  }

  /// The thread that calls `step`.
  private enum Driver {
    /// The uploading thread: tries until it succeeds.
    case thread
    /// The session's thread: one attempt, and only if nothing is unusual.
    case session
  }

  private enum Outcome {
    case stored
    /// Nothing is due for this number of seconds; infinite if only an arrival matters.
    case idle(Double)
    /// Nothing was stored; the uploading thread tries again, and finds the cause.
    case declined
  }

  init(
    _ queue: UploadQueue, _ capturer: Capturer, _ log: SessionLog, _ store: RetryingStore,
    _ batches: BatchUploader, _ maintainer: Maintainer, _ recorder: PositionRecorder,
    _ settings: MirrorSettings
  ) {
    self.queue = queue
    self.capturer = capturer
    self.log = log
    self.store = store
    self.batches = batches
    self.maintainer = maintainer
    self.recorder = recorder
    self.settings = settings
  }

  private var progress: Progress { store.progress }

  /// Whether entries are being stored.
  var isBusy: Bool { state.withLock { !$0.held.isEmpty } }

  /// Drops the pending entries, because another session writes or the session begins again.
  func giveUp() { state.withLock { $0.held = [] } }

  // MARK: Drivers

  /// Uploads until the mirror stops; the uploading thread calls it.
  ///
  /// Throws the error that ends the mirror.
  func run() throws {
    while !progress.isStopped {
      let pause = try runOnce()
      if pause > 0 { queue.arrivals.wait(seconds: pause == .infinity ? nil : pause) }
    }
  }

  /// Makes one step on a thread of a host: one attempt to store the next entries.
  func step() -> StagePause {
    guard !progress.isStopped else { return .ended }
    do {
      let pause = try runOnce()
      state.withLock { $0.failures = 0 }
      return .after(pause)
    } catch is ObjectStoreError {
      // The store has reported it.
      let failures = state.withLock { state in
        state.failures += 1
        return state.failures
      }
      return .backOff(RetryPolicy.pause(after: failures, longest: RetryPolicy.longestForMirror))
    } catch {
      store.fail(error as? MirrorError ?? MirrorError(.store, "\(error)"))
      return .ended
    }
  }

  /// Makes one step; returns the seconds until the next one, unless an entry arrives before.
  private func runOnce() throws -> Double {
    do {
      return switch try state.withLock({ try step(&$0, by: .thread) }) {
      case .stored, .declined: 0
      case .idle(let pause): pause
      }
    } catch let error as MirrorError where error.code == .fenced {
      // The capturing thread begins a new session.
      giveUp()
      queue.removeAll()
      progress.update { $0.fence = error }
      capturer.wakeup.raise()
      return 0.1
    }
  }

  /// Stores captured commits up to transaction `last`, on the calling thread.
  ///
  /// Returns false if the uploading thread stores an entry, or has to handle an unusual state.
  func uploadNow(upTo last: UInt64) -> Bool {
    state.withLockIfAvailable { state in
      while !progress.withLock({ $0.created >= last }) {
        guard case .stored = try? step(&state, by: .session) else { return false }
      }
      return true
    } ?? false
  }

  private func step(_ state: inout State, by driver: Driver) throws -> Outcome {
    let now = Clock.monotonicSeconds
    let slots = log.current
    if driver == .session {
      // A turn, and an entry after a long pause, need more than one request.
      guard isUsual, slots.isConfirmed, state.groupCommitSize < 2, state.held.isEmpty else {
        return .declined
      }
    }
    let pacing = Pacing.slice(
      Pacing.SliceFacts(
        now: now, lastStart: state.lastStart, interval: settings.syncInterval, isUrgent: isUrgent(at: now)))
    if state.held.isEmpty {
      if driver == .thread { awaitGroupCommit(state.groupCommitSize) }
      state.held = next(mayClose: pacing == .send)
    }
    guard let last = state.held.last else {
      return driver == .thread ? idle(&state, pacing, now) : .declined
    }
    switch driver {
    case .thread:
      guard progress.withLock({ $0.fence == nil }) else { return .idle(0.1) }
      guard try create(state.held, slots), try confirm(slots) else { return .declined }
    case .session:
      guard state.held.count == 1, (try? create(last, slots)) != nil, slots.isConfirmed else {
        return .declined
      }
    }
    didStore(&state, begun: now)
    return .stored
  }

  private var isUsual: Bool {
    progress.withLock { $0.phase == .running && $0.hasBase && !$0.isStopped }
      && !store.health.isFailing && store.health.isStoreNear
  }

  private func isUrgent(at now: Double) -> Bool {
    settings.durability == .sync || progress.withLock { $0.flushes > 0 || $0.recordWanted > now }
  }

  /// Handles a queue that is empty, or has only an open slice that is not due yet.
  private func idle(_ state: inout State, _ pacing: Pacing.Decision, _ now: Double) -> Outcome {
    var pause = Double.infinity
    if case .wait(let left) = pacing, capturer.hasOpenSlice { pause = left }
    if state.isRecordDue {
      switch Pacing.record(now: now, lastRecord: state.lastRecord) {
      case .send: saveRecord(&state, now)
      case .wait(let left): pause = min(pause, left)
      }
    }
    return .idle(pause)
  }

  /// Waits for the next commits of processes whose last commits shared a slice.
  private func awaitGroupCommit(_ size: Int) {
    let began = Clock.monotonicSeconds
    let patience = Pacing.groupCommitWait(lastPutSeconds: store.health.lastPutSeconds)
    let end = progress.withLock { $0.recordWanted > began ? began + patience : began }
    while !progress.isStopped,
      progress.withLock({ $0.captured > $0.created && $0.captured - $0.created < size })
    {
      let left = end - Clock.monotonicSeconds
      guard left > 0 else { return }
      queue.arrivals.wait(seconds: left)
    }
  }

  /// Returns the next entries; with `mayClose`, closes the open slice if nothing else waits.
  private func next(mayClose: Bool) -> [PendingUpload] {
    if mayClose, queue.isEmpty { capturer.closeSlice() }
    let wasFull = queue.isFull
    let next = queue.take()
    if wasFull { capturer.wakeup.raise() }
    return next
  }

  // MARK: Storing

  /// Creates entries, a turn and its slice at once; returns false if the mirror was stopped first.
  private func create(_ entries: [PendingUpload], _ slots: SlotLog) throws -> Bool {
    guard entries.count == 2 else {
      return try entries.allSatisfy { entry in try store.untilStored { try create(entry, slots) } }
    }
    let failure = Mutex<(any Error)?>(nil)
    let isStored = Mutex(true)
    DispatchQueue.concurrentPerform(iterations: 2) { index in
      do {
        let done = try store.untilStored { try self.create(entries[index], slots) }
        if !done { isStored.withLock { $0 = false } }
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return isStored.withLock { $0 }
  }

  /// Makes one attempt to create an entry.
  private func create(_ entry: PendingUpload, _ slots: SlotLog) throws {
    let start = Clock.monotonicSeconds
    try slots.create(entry.place, id: entry.id, entry.bytes)
    slots.noteAnswer()
    store.health.didReachStore()
    store.health.note(putSeconds: Clock.monotonicSeconds - start)
  }

  /// Reads an entry back, if the rules require that before it counts.
  ///
  /// Returns false if the mirror was stopped first.
  private func confirm(_ slots: SlotLog) throws -> Bool {
    guard !slots.isConfirmed, progress.withLock({ $0.hasBase }) else { return true }
    guard try store.untilStored({ try slots.confirm() }) else { return false }
    try log.checkConditions(store.health.notices)
    return true
  }

  /// Counts the entries in `held`, which are now stored.
  private func didStore(_ state: inout State, begun: Double) {
    let held = state.held
    state.held = []
    guard let last = held.last else { return }
    // Before the mark moves: a flush of everything must find the batch on its way.
    if !last.isPartial, let batch = last.batch { batches.upload(batch) }
    // Do this before the position moves: a list of the stored objects must not hold the slice
    // twice.
    maintainer.note(slice: last)
    advance(held, last)
    maintainer.startIfDue()
    defer { progress.update { $0.sent += 1 } }
    guard !last.isPartial else { return }
    state.lastStart = begun
    state.groupCommitSize =
      (last.transactions?.count ?? 0)
      + progress.withLock { $0.captured > $0.created ? Int($0.captured - $0.created) : 0 }
    let isWanted = progress.withLock { $0.recordWanted > begun }
    state.isRecordDue = true
    if Pacing.record(now: begun, lastRecord: state.lastRecord) == .send {
      saveRecord(&state, begun)
    } else if isWanted {
      // A waiting process only needs to read the record.
      recorder.save(syncs: false)
    }
    maintainer.renewLease()
  }

  /// Moves the position of the stored transactions past entries; `last` is the last of them.
  ///
  /// Does nothing if their generation was given up. The tip changes under one lock: a record that another thread
  /// writes meanwhile must never name a place with the state before it.
  private func advance(_ entries: [PendingUpload], _ last: PendingUpload) {
    let open = queue.oldest ?? capturer.oldestOpenTime
    progress.withLock { progress in
      // A generation that was given up says nothing about the current one.
      guard progress.generation == last.generation else { return }
      for entry in entries { progress.tip?.append(entry) }
      progress.hasStored = true
      guard !last.isPartial else { return }
      progress.tip?.transaction = last.lastTransaction
      progress.tip?.state = last.state
      progress.tip?.position = last.position
      progress.tip?.time = last.lastTime
      // A moving guard may take commits that are stored before they are noted as captured.
      progress.captured = max(progress.captured, last.lastTransaction)
      progress.oldest = open
    }
  }

  private func saveRecord(_ state: inout State, _ now: Double) {
    state.lastRecord = now
    state.isRecordDue = false
    recorder.save()
  }
}
