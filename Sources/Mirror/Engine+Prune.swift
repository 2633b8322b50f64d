import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// Seconds between two looks for old history.
  private static let pruneInterval = 86_400.0

  /// Deletes history once a day; on the upkeep thread.
  func pruneIfDue() throws {
    guard let retention = settings.retention, state.withLock({ $0.hasBase }) else { return }
    let now = Clock.wallMicroseconds
    guard Double(now - lease.pruned) / 1e6 > Self.pruneInterval else { return }
    do {
      _ = try prune(keeping: retention) { !isStopped && !upkeep.withLock { $0.isEnding } }
    } catch let error as ObjectStoreError where error.code == .sealed {
      state.withLock { $0.notices.append("mirror: old history is not deleted: \(error)") }
    } catch let error as FormatError {
      state.withLock { $0.notices.append("mirror: old history is not deleted: \(error)") }
    }
    lease.notePruned(now)
  }

  /// Whether it may be time to look for old history.
  var isPruneDue: Bool {
    settings.retention != nil && lease.isHeld
      && Double(Clock.wallMicroseconds - lease.pruned) / 1e6 > Self.pruneInterval
  }

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
    try lease.ensure()
    return try parts.withLockIfAvailable { _ in
      let now = Clock.wallMicroseconds
      let plan = try Retention(ReplicaCatalog(store), cutoff: now - Int64(seconds * 1e6), now: now)
      guard !dryRun else { return plan }
      for object in plan.objects {
        guard mayGoOn() else { break }
        try lease.ensure()
        try store.delete(object.key)
      }
      return plan
    }
  }
}

extension Mirror {
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
