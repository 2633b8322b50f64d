import Files
import ObjectStore
import ReplicaFormat

/// Sends requests to the store again until they succeed or the mirror stops.
///
/// May be used on any thread.
final class RetryingStore: Sendable {
  let store: MeteredStore
  let progress: Progress
  let health: Health

  /// Whether a failed request is sent again until it succeeds; otherwise its error is thrown.
  private let isPatient: Bool
  /// The pool whose thread a pause gives away.
  private let pool: WorkerPool?

  init(
    _ store: MeteredStore, _ progress: Progress, _ health: Health, isPatient: Bool = true,
    pool: WorkerPool? = nil
  ) {
    self.store = store
    self.progress = progress
    self.health = health
    self.isPatient = isPatient
    self.pool = pool
  }

  /// Calls `body` until it succeeds; returns false if the mirror was stopped first.
  ///
  /// Throws errors that do not come from the store. An impatient store throws all errors.
  func untilStored(_ body: () throws -> Void) throws -> Bool {
    var failures = 0
    while !progress.isStopped {
      do {
        try body()
        health.didReachStore()
        return true
      } catch let error as ObjectStoreError {
        failures += 1
        report(error)
        guard isPatient else { throw error }
        wait(failures: failures)
      }
    }
    return false
  }

  /// Reports a failure.
  func report(_ error: ObjectStoreError) {
    guard !progress.isStopped else { return }
    if health.report(error) { progress.wakeWaiters() }
  }

  /// Waits before the next attempt.
  private func wait(failures: Int) {
    guard !progress.isStopped else { return }
    func pause() { health.pause(after: failures) { progress.isStopped } }
    if let pool { pool.pausing(pause) } else { pause() }
  }

  /// Ends mirroring for a reason that time does not remove.
  func fail(_ error: MirrorError) {
    progress.stop(because: error) { health.notices.add("mirror off: \(error.message)", .end) }
  }

  /// Stores an object whose name determines its content: a part, manifest, merged object or batch.
  ///
  /// Returns false if the mirror was stopped first.
  func upload(_ object: PendingUpload.Object, _ condition: PutCondition = .ifAbsent) throws -> Bool {
    let key = try ObjectKey(object.name)
    return try untilStored {
      do throws(ObjectStoreError) {
        try store.put(key, object.bytes, condition)
      } catch {
        switch error.code {
        case .preconditionFailed: return
        case .configuration where condition != .always: try store.put(key, object.bytes, .always)
        default: throw error
        }
      }
    }
  }
}
