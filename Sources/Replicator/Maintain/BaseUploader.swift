import Dispatch
import Files
import ObjectStore
import ReplicaFormat

/// Stores bases: every page of a snapshot, then the manifest that makes the base count.
final class BaseUploader: Sendable {
  private let store: RetryingStore
  private let capturer: Capturer
  private let ledger: GenerationLedger
  private let recorder: PositionRecorder
  private let parts: PartUploader
  /// Minimum bytes of a database whose bases have maps.
  private let mapBytes: Int
  private let running: DispatchGroup
  /// Its threads have the priority of background work, because sessions that write go first.
  private let thread: SerialQueue
  /// Held from the listing of parts to the manifest that names them, and while parts are deleted.
  private let lock = OrderedLock(.parts, ())

  init(
    _ store: RetryingStore, _ capturer: Capturer, _ ledger: GenerationLedger, _ recorder: PositionRecorder,
    _ settings: MirrorSettings, in running: DispatchGroup,
    on pool: WorkerPool?
  ) {
    self.store = store
    self.capturer = capturer
    self.ledger = ledger
    self.recorder = recorder
    parts = PartUploader(store, partBytes: settings.partBytes)
    mapBytes = settings.mapBytes
    self.running = running
    thread = SerialQueue("mirror.base", on: pool, isBackground: true)
  }

  private var progress: Progress { store.progress }
  private var health: Health { store.health }

  /// Runs `work` on the thread of bases.
  func run(_ work: @escaping @Sendable () -> Void) { thread.async(in: running, work) }

  /// Calls `body` if no parts are being uploaded or deleted; returns nil if they are.
  func unlessBusy<Value: Sendable>(_ body: () throws -> Value) throws -> Value? {
    try lock.withLockIfAvailable { _ in try body() }
  }

  // MARK: Within a generation

  /// Returns a snapshot of everything captured, to read until its base is stored.
  ///
  /// Waits while a commit is half encoded. Throws `.timeout` at `end` (monotonic seconds).
  func snapshot(until end: Double) throws -> BaseSnapshot {
    while true {
      let snapshot = try capturer.snapshot { transaction in
        ledger.withLock { $0.slices.keepApart(after: transaction) }
      }
      if let snapshot { return snapshot }
      guard !progress.isStopped, Clock.monotonicSeconds < end else {
        throw MirrorError(
          .timeout, "a commit is still on its way to \(store.store.url)\(health.lastErrorText)")
      }
      Clock.sleep(seconds: 0.01)
    }
  }

  /// Stores a base inside a generation, however long the store takes; returns whether it counts.
  func upload(_ snapshot: BaseSnapshot) -> Bool {
    do {
      return try store(
        snapshot.pages, snapshot.generation, snapshot.base, time: snapshot.time, state: snapshot.state,
        isFirst: false)
    } catch let error as MirrorError {
      if progress.withLock({ $0.generation == snapshot.generation }) { store.fail(error) }
    } catch {
      note(error)
    }
    return false
  }

  /// Notes a failure: the mirror was stopped, or the log of a snapshot no longer exists.
  ///
  /// A later base takes its place.
  func note(_ error: any Error) {
    health.note(MirrorError(.database, "base of \(capturer.database): \(error)"))
  }

  /// Stores a base of everything captured, and waits until it counts.
  ///
  /// Called on the session's thread. `done` is called on the thread of bases.
  func makeBase(deadline: Double, isInterrupted: (() -> Bool)?, done: @escaping @Sendable () -> Void) throws {
    let snapshot = try snapshot(until: Clock.monotonicSeconds + deadline)
    let isThere = progress.withLock {
      $0.hasBase && $0.generation == snapshot.generation && $0.baseTransaction == snapshot.base.transaction
    }
    guard !isThere else { return capturer.unpin(snapshot.generation) }
    let finished = Semaphore()
    run {
      if self.upload(snapshot) {
        self.ledger.withLock { $0.bytesSinceBase = 0 }
        done()
      }
      finished.signal()
    }
    let end = Clock.monotonicSeconds + deadline
    while !finished.wait(seconds: 0.1) {
      if isInterrupted?() == true {
        throw MirrorError(.timeout, "interrupted; the base goes on in the background")
      }
      guard Clock.monotonicSeconds < end else {
        throw MirrorError(.timeout, "the base is not in \(store.store.url) yet\(health.lastErrorText)")
      }
    }
    if let error = progress.withLock({ $0.failure }) { throw error }
  }

  // MARK: Storing

  /// Stores the parts and the manifest of a base, and releases the snapshot when all pages are
  /// read.
  ///
  /// `isFirst` is a base that opens a generation. Returns false if the mirror was stopped, or the
  /// generation was given up. Throws `.hole` if the pages do not have the checksum of the database.
  func store(
    _ pages: Snapshot, _ generation: GenerationID, _ base: BaseName, time: Int64, state: DatabaseState,
    isFirst: Bool
  ) throws -> Bool {
    var isPinned = true
    func letGo() {
      guard isPinned else { return }
      isPinned = false
      capturer.unpin(generation)
    }
    defer { letGo() }
    return try lock.withLock { _ in
      progress.withLock { ($0.baseBytes, $0.baseBytesSent) = (Int(state.pages) * state.pageSize, 0) }
      defer { progress.withLock { ($0.baseBytes, $0.baseBytesSent) = (0, 0) } }
      let map = self.parts.makeMap(pageSize: state.pageSize)
      let parts = try parts.upload(pages, proving: state, map, whenRead: letGo)
      // A base inside a generation holds a stored transaction (rule 10).
      guard let parts, try isFirst || awaitStored(base.transaction, of: generation) else { return false }
      let manifest = BaseManifest(
        generation: generation, name: base, time: time, state: state, parts: parts, naming: self.parts.naming)
      let object = PendingUpload.Object(name: manifest.key, bytes: manifest.bytes)
      guard try store.upload(object) else { return false }
      if Int(state.pages) * state.pageSize >= mapBytes { map.store(beside: manifest) }
      return isFirst || count(base, of: generation)
    }
  }

  /// Notes that a base inside a generation counts; returns false if the generation was given up.
  private func count(_ base: BaseName, of generation: GenerationID) -> Bool {
    let isPresent = progress.withLock {
      guard $0.generation == generation else { return false }
      $0.baseTransaction = max($0.baseTransaction, base.transaction)
      return true
    }
    guard isPresent else { return false }
    progress.wakeWaiters()
    ledger.note(base: base, of: generation)
    recorder.save()
    return true
  }

  /// Waits until a transaction is stored; returns false if that cannot happen.
  private func awaitStored(_ transaction: UInt64, of generation: GenerationID) throws -> Bool {
    var isStored = false
    do {
      try progress.wait(
        until: .infinity, health, isInterrupted: nil, late: { MirrorError(.timeout, "") },
        patient: true
      ) {
        isStored = $0.stored >= transaction
        return isStored || $0.generation != generation || $0.fence != nil
      }
    } catch {
      return false
    }
    return isStored && progress.withLock { $0.generation == generation && $0.fence == nil }
  }
}
