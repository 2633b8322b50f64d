import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Deletes history that no restore within the retention period needs.
///
/// Called on the maintainer's thread, and on the session's thread for `.mirror prune`.
struct Pruner {
  let store: RetryingStore
  let ledger: GenerationLedger
  let bases: BaseUploader
  let lease: Lease
  let retention: Double?

  /// Seconds between two checks for old history.
  private static let interval = 86_400.0
  /// The longest plausible pause between the newest earlier object and a session, in seconds.
  ///
  /// After a longer one, the clock may be wrong.
  private static let plausiblePause = 2 * 86_400.0
  /// Seconds after which objects of this session confirm the clock.
  private static let witnessAge = 72_000.0

  /// Whether a check for old history may be due.
  ///
  /// Only the holder of the lease knows the time of the last one.
  var isDue: Bool { retention != nil && lease.isHeld && lease.mayLookForPruning }

  /// Returns the store's time, or the system's if the store does not report one.
  private func storeTime() throws -> Int64 { try store.store.time() ?? Clock.wallMicroseconds }

  /// Deletes history once a day, by the store's clock.
  func pruneIfDue(renewLease: () -> Void) throws {
    guard let retention, isDue, store.progress.withLock({ $0.hasBase }) else { return }
    let now = try storeTime()
    // A time in the future comes from a wrong clock.
    let age = Double(now &- lease.pruned) / 1e6
    guard age > Self.interval || age < -3600 else {
      lease.lookForPruning(in: min(Self.interval, Self.interval - age))
      return
    }
    let notices = store.health.notices
    func note(_ reason: Any) { notices.add("mirror: old history is not deleted: \(reason)") }
    do {
      let plan = try prune(keeping: retention, renewLease: renewLease) {
        !store.progress.isStopped && !ledger.withLock { $0.isEnding }
      }
      for notice in plan.notices { note(notice) }
    } catch let error as ObjectStoreError where error.code == .sealed {
      note(error)
    } catch let error as FormatError {
      note(error)
    }
    lease.notePruned(now)
    lease.lookForPruning(in: Self.interval)
  }

  /// Deletes objects that no restore within the last `seconds` needs, while `mayGoOn` returns true.
  ///
  /// Waits up to `patience` seconds while a base is being uploaded; then throws `.timeout`.
  func prune(
    keeping seconds: Double, dryRun: Bool = false, patience: Double = 0, renewLease: () -> Void,
    while mayGoOn: () -> Bool
  ) throws -> Retention {
    let end = Clock.monotonicSeconds + patience
    while true {
      renewLease()
      let plan = try bases.unlessBusy {
        try pruneNow(keeping: seconds, dryRun: dryRun, while: mayGoOn)
      }
      if let plan { return plan }
      guard mayGoOn(), Clock.monotonicSeconds < end else {
        throw MirrorError(.timeout, "a base is being written to \(store.store.url): prune when it is done")
      }
      Clock.sleep(seconds: 0.05)
    }
  }

  private func pruneNow(keeping seconds: Double, dryRun: Bool, while mayGoOn: () -> Bool) throws -> Retention
  {
    let now = try storeTime()
    let quiet = min(lease.age, Self.witnessAge)
    var plan = try Retention(
      ReplicaCatalog(store.store), cutoff: now - Int64(seconds * 1e6), now: now, quiet: quiet)
    if !plan.objects.isEmpty, let jump = jump(to: now, plan, quiet: quiet, keeping: seconds) {
      plan.giveUp(
        "the newest object before this session is \(Int(jump / 86_400)) days old, so the clock may be wrong; "
          + "if it is right, what is old goes a day from now")
      // If the clock shows the same a day later, it is right.
      lease.notePruned(now)
    }
    guard !dryRun else { return plan }
    for object in plan.objects {
      guard mayGoOn() else { break }
      try store.store.delete(object.key)
    }
    return plan
  }

  /// Returns the seconds between the last proof of time in the store and now, if they are
  /// implausible.
  ///
  /// A clock that is ahead would make all history old.
  private func jump(to now: Int64, _ plan: Retention, quiet: Double, keeping seconds: Double) -> Double? {
    let current = Double(now) / 1e6
    let looked = Double(lease.pruned) / 1e6
    let witnesses = [
      plan.lastStored.map { Double($0) }, looked > 0 && looked <= current - Self.witnessAge ? looked : nil,
    ]
    guard let last = witnesses.compactMap({ $0 }).max() else { return nil }
    let pause = current - quiet - last
    return pause > max(Self.plausiblePause, seconds / 2) ? pause : nil
  }
}

extension ReplicationObserver {
  /// Deletes objects that no restore within the last `seconds` needs, and returns the plan.
  ///
  /// Throws if nothing is mirrored, or the store does not answer.
  package func prune(keeping seconds: Double, dryRun: Bool) throws -> Retention {
    guard let pipeline else {
      throw MirrorError(.notMirrored, "nothing is mirrored yet: the database is empty")
    }
    try flush(seconds: settings.flushTimeout)
    return try pipeline.maintainer.prune(
      keeping: seconds, dryRun: dryRun, patience: settings.flushTimeout
    ) { isInterrupted?() != true }
  }
}
