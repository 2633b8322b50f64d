import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// Seconds between two looks for old history.
  private static let pruneInterval = 86_400.0

  /// Seconds that the newest object may have been in the store before a session's own, at least: more is taken for a clock
  /// that was set wrong.
  private static let plausiblePause = 2 * 86_400.0
  /// Seconds after which what this session stored counts as witness of the clock.
  private static let witnessAge = 72_000.0

  /// The store's time, or the system's if the store has not told.
  private func storeTime() throws -> Int64 { try store.time() ?? Clock.wallMicroseconds }

  /// Deletes history once a day, by the store's clock; on the maintenance thread.
  func pruneIfDue() throws {
    guard let retention = settings.retention, isPruneDue, state.withLock({ $0.hasBase }) else { return }
    let now = try storeTime()
    // A time to come was noted by a clock that was wrong.
    let age = Double(now &- lease.pruned) / 1e6
    guard age > Self.pruneInterval || age < -3600 else {
      lease.lookForPruning(in: min(Self.pruneInterval, Self.pruneInterval - age))
      return
    }
    do {
      let plan = try prune(keeping: retention) { !isStopped && !maintenance.withLock { $0.isEnding } }
      state.withLock { $0.notices += plan.notices.map { "mirror: old history is not deleted: \($0)" } }
    } catch let error as ObjectStoreError where error.code == .sealed {
      state.withLock { $0.notices.append("mirror: old history is not deleted: \(error)") }
    } catch let error as FormatError {
      state.withLock { $0.notices.append("mirror: old history is not deleted: \(error)") }
    }
    lease.notePruned(now)
    lease.lookForPruning(in: Self.pruneInterval)
  }

  /// Whether it may be time to look for old history.
  var isPruneDue: Bool { settings.retention != nil && lease.isHeld && lease.mayLookForPruning }

  /// Deletes what nobody needs who restores a moment of the last `seconds`, as long as `mayGoOn` says so.
  func prune(
    keeping seconds: Double, dryRun: Bool = false, patience: Double = 0, while mayGoOn: () -> Bool
  ) throws -> Retention {
    let end = Clock.monotonicSeconds + patience
    while true {
      if let plan = try pruneUnlessBusy(keeping: seconds, dryRun: dryRun, while: mayGoOn) { return plan }
      guard mayGoOn(), Clock.monotonicSeconds < end else {
        throw MirrorError(.timeout, "a base is being written to \(store.url): prune when it is done")
      }
      Clock.sleep(seconds: 0.05)
    }
  }

  /// Nil while parts are being uploaded or deleted.
  private func pruneUnlessBusy(
    keeping seconds: Double, dryRun: Bool, while mayGoOn: () -> Bool
  ) throws -> Retention? {
    renewLeaseNow()
    return try parts.withLockIfAvailable { _ in
      let now = try storeTime()
      let quiet = min(lease.age, Self.witnessAge)
      var plan = try Retention(
        ReplicaCatalog(store), cutoff: now - Int64(seconds * 1e6), now: now, quiet: quiet)
      if !plan.objects.isEmpty, let jump = jump(to: now, plan, quiet: quiet, keeping: seconds) {
        plan.giveUp(
          "the newest object before this session is \(Int(jump / 86_400)) days old, so the clock may be wrong; "
            + "if it is right, what is old goes a day from now")
        // If the clock still says so a day later, it is right.
        lease.notePruned(now)
      }
      guard !dryRun else { return plan }
      for object in plan.objects {
        guard mayGoOn() else { break }
        try store.delete(object.key)
      }
      return plan
    }
  }
}

extension Engine {
  /// Seconds between the last sign of life in the store and now where they are more than plausible: a clock that is ahead would
  /// make all history old.
  private func jump(to now: Int64, _ plan: Retention, quiet: Double, keeping seconds: Double) -> Double? {
    let present = Double(now) / 1e6
    let looked = Double(lease.pruned) / 1e6
    let witnesses = [
      plan.lastStored.map { Double($0) }, looked > 0 && looked <= present - Self.witnessAge ? looked : nil,
    ]
    guard let last = witnesses.compactMap({ $0 }).max() else { return nil }
    let pause = present - quiet - last
    return pause > max(Self.plausiblePause, seconds / 2) ? pause : nil
  }
}

extension ReplicationObserver {
  /// Deletes what nobody needs who restores a moment of the last `seconds`; tells what.
  ///
  /// Throws where nothing is mirrored, or the store does not answer.
  package func prune(keeping seconds: Double, dryRun: Bool) throws -> Retention {
    guard let engine else {
      throw MirrorError(.notMirrored, "nothing is mirrored yet: the database is empty")
    }
    try flush(seconds: settings.flushTimeout)
    return try engine.prune(keeping: seconds, dryRun: dryRun, patience: settings.flushTimeout) {
      isInterrupted?() != true
    }
  }
}
