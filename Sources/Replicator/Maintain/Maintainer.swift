import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Keeps history short to restore and bounded, on a thread of its own.
///
/// Each job uses the store, the ledger of the generation and the progress, and no other job:
/// `Compactor`, `GapFiller`, `Pruner`.
final class Maintainer: Sendable {
  let lease: Lease
  private let store: RetryingStore
  private let ledger: GenerationLedger
  private let bases: BaseUploader
  private let log: SessionLog
  private let settings: MirrorSettings
  private let running: DispatchGroup
  private let thread: SerialQueue
  /// Called if the replica is found damaged.
  private let onDamage: @Sendable () -> Void

  init(
    _ store: RetryingStore, _ ledger: GenerationLedger, _ bases: BaseUploader, _ lease: Lease,
    _ log: SessionLog, _ settings: MirrorSettings, in running: DispatchGroup,
    on pool: WorkerPool?, onDamage: @escaping @Sendable () -> Void
  ) {
    self.store = store
    self.ledger = ledger
    self.bases = bases
    self.lease = lease
    self.log = log
    self.settings = settings
    self.running = running
    thread = SerialQueue("mirror.maintenance", on: pool)
    self.onDamage = onDamage
  }

  private var progress: Progress { store.progress }
  private var compactor: Compactor { Compactor(store: store, ledger: ledger) }
  private var pruner: Pruner {
    Pruner(store: store, ledger: ledger, bases: bases, lease: lease, retention: settings.retention)
  }

  // MARK: Work

  /// Notes a stored slice of the current generation.
  func note(slice entry: PendingUpload) { ledger.note(slice: entry) }

  /// Notes a stored batch.
  func note(batch: PendingUpload.Batch) {
    ledger.note(batch: batch)
    startIfDue()
  }

  /// Starts the work that is due; may be called on any thread.
  func startIfDue() {
    let facts = progress.withLock { (hasBase: $0.hasBase, stored: $0.stored, bytes: $0.databaseBytes) }
    let isPruneDue = pruner.isDue
    let isDue = ledger.withLock { ledger in
      guard !ledger.isRunning, !ledger.isEnding else { return false }
      ledger.isRunning =
        settings.mergesObjects && facts.hasBase
        && (ledger.slices.run() != nil || ledger.batches.run() != nil)
        || facts.hasBase && ledger.isLookDue(merges: settings.mergesObjects) || !ledger.gaps.isEmpty
        || isPruneDue || isBaseDue(ledger, facts.hasBase, databaseBytes: facts.bytes)
        || ledger.nextRemoval(at: Clock.bootSeconds, stored: facts.stored) != nil
      return ledger.isRunning
    }
    guard isDue else { return }
    thread.async(in: running) { self.work() }
  }

  private func work() {
    defer { ledger.withLock { $0.isRunning = false } }
    do {
      let (hasBase, bytes) = progress.withLock { ($0.hasBase, $0.databaseBytes) }
      if ledger.withLock({ isBaseDue($0, hasBase, databaseBytes: bytes) }) { beginBase() }
      try learnIfDue()
      try GapFiller(store: store, ledger: ledger).run()
      var isFirst = true
      while !progress.isStopped, isFirst || !ledger.withLock({ $0.isEnding }) {
        isFirst = false
        guard settings.mergesObjects, try compactor.mergeNext() else { break }
      }
      try compactor.removeReplaced()
      try pruner.pruneIfDue(renewLease: renewLeaseNow)
    } catch let error as FormatError {
      // The stored objects cannot be read back, so a restore could not read them either.
      ledger.withLock { $0 = Maintenance(isRunning: true) }
      progress.withLock { $0.damage = "\(error)" }
      onDamage()
    } catch {
      // The store is unavailable or busy: try again later.
    }
  }

  /// Lists the objects from before the session, when enough of them are not merged.
  private func learnIfDue() throws {
    guard ledger.withLock({ $0.isLookDue(merges: settings.mergesObjects) }),
      let generation = progress.withLock({ $0.generation })
    else {
      return
    }
    let (last, known) = (progress.withLock { $0.stored }, ledger.withLock { $0.slices.items.first })
    let contents = try ReplicaCatalog(store.store).contents(of: generation, .everything)
    guard let base = contents.bases.last else { return }
    if let damage = contents.chain(after: base).damage { throw damage }
    let fresh = Maintenance.of(contents, base, upTo: known?.transactions.lowerBound ?? last + 1)
    ledger.withLock { ledger in
      guard ledger.generation == generation, !ledger.isKnown else { return }
      ledger.slices.prepend(fresh.slices.items)
      ledger.batches.prepend(fresh.batches.items)
      ledger.gaps += fresh.gaps
      ledger.replaced = fresh.replaced + ledger.replaced
      ledger.base = base
      ledger.isKnown = true
      ledger.unknownObjects = 0
    }
  }

  /// Deletes old history now, by the user's order.
  ///
  /// Called on the session's thread.
  func prune(
    keeping seconds: Double, dryRun: Bool, patience: Double, while mayGoOn: () -> Bool
  ) throws -> Retention {
    try pruner.prune(
      keeping: seconds, dryRun: dryRun, patience: patience, renewLease: renewLeaseNow, while: mayGoOn)
  }

  // MARK: Bases

  private func isBaseDue(_ ledger: Maintenance, _ hasBase: Bool, databaseBytes: Int) -> Bool {
    hasBase && !ledger.isMakingBase
      && Pacing.isBaseDue(
        logBytes: ledger.bytesSinceBase, databaseBytes: databaseBytes, least: settings.baseBytes,
        now: Clock.monotonicSeconds, notBefore: ledger.nextBase)
  }

  /// Starts a new base on its thread, because the log since the last base is larger than the
  /// database.
  private func beginBase() {
    guard let snapshot = try? bases.snapshot(until: Clock.monotonicSeconds + 60) else { return }
    let before = ledger.withLock { ledger in
      ledger.isMakingBase = true
      return ledger.bytesSinceBase
    }
    let start = Clock.monotonicSeconds
    bases.run {
      let isDone = self.bases.upload(snapshot)
      self.ledger.withLock {
        $0.isMakingBase = false
        let end = Clock.monotonicSeconds
        $0.nextBase = end + Pacing.restBetweenBases * (end - start)
        if isDone { $0.bytesSinceBase -= before }
      }
      if isDone { self.startIfDue() }
    }
  }

  // MARK: The lease

  /// Renews the lease on a thread of its own, if that is due.
  func renewLease() {
    guard lease.isDue, progress.withLock({ $0.hasBase }) else { return }
    thread.async(in: running) {
      self.renewLeaseNow()
      // Only the holder of the lease knows when history was last pruned.
      self.startIfDue()
    }
  }

  /// Takes or renews the lease if that is due.
  func renewLeaseNow() {
    let (session, tip) = (log.current.session, progress.withLock { $0.storedPlace })
    lease.renew(session, last: tip) { holds($0, tip) }
  }

  /// Closes the lease after everything was stored.
  func releaseLease() {
    let (session, tip) = (log.current.session, progress.withLock { $0.storedPlace })
    lease.release(session, last: tip) { holds($0, tip) }
  }

  /// Returns whether another session's place is on the chain to the tip, or was left behind by
  /// order.
  private func holds(_ place: Place, _ tip: Place?) -> Bool {
    guard let tip, !progress.withLock({ $0.isFork }) else { return true }
    return (try? ChainTip(catalog: ReplicaCatalog(store.store)).holds(place, tip: tip)) ?? false
  }

  // MARK: The end

  /// The minimum number of slices that become one at the end of a session.
  ///
  /// A reader needs one request for each slice that is left, and the merge is one request.
  private static let leastAtEnd = 8
  /// The number of objects of a session, slices and batches, from which on two slices are enough.
  private static let busySession = 32

  /// Prevents new work, and waits up to `seconds` for work under way.
  func end(seconds: Double) {
    // The shortest session ends before the capture stage starts this.
    if ledger.withLock({ $0.mayHaveGap }) { startIfDue() }
    ledger.withLock { $0.isEnding = true }
    let end = Clock.monotonicSeconds + seconds
    awaitWork(until: end)
    // After many small slices, the last of them become one, with one request and without a
    // download.
    guard settings.mergesObjects, !store.health.isFailing,
      progress.withLock({ $0.phase == .running && $0.hasBase }),
      let run = ledger.withLock({ ledger -> [CompactionPolicy.Item]? in
        let least = ledger.puts >= Self.busySession ? 2 : Self.leastAtEnd
        guard !ledger.isRunning, let run = ledger.slices.tail(least: least, kept: true)
        else { return nil }
        ledger.isRunning = true
        return Array(run)
      })
    else { return }
    thread.async(in: running) {
      defer { self.ledger.withLock { $0.isRunning = false } }
      try? self.compactor.mergeAtEnd(run)
    }
    awaitWork(until: min(end, Clock.monotonicSeconds + 2))
  }

  private func awaitWork(until end: Double) {
    while ledger.withLock({ $0.isRunning || $0.isMakingBase }), !progress.isStopped,
      Clock.monotonicSeconds < end
    {
      Clock.sleep(seconds: 0.002)
    }
  }
}
