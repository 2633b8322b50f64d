import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Names the session that writes to a replica, in an object of the store.
///
/// It informs sessions that start, and proves how much was stored. No write waits for it, and no
/// write is safe because of it. A session renews it at most once a minute, while it has something
/// to store. May be used on any thread.
final class Lease: Sendable {
  private struct State {
    /// The time of the next check for old history, in seconds of `Clock.bootSeconds`.
    var pruningLook = -Double.infinity
    var record: LeaseRecord?
    var etag: ETag?
    var isHeld = false
    var pruned: Int64 = 0
    /// The time when it was last stored, in seconds of `Clock.bootSeconds`.
    var stored = -Double.infinity
  }

  private let store: any ObjectStore
  private let key: ObjectKey
  private let state = Mutex(State())
  /// Held while a request is under way.
  private let request = Mutex(())
  private let began = Clock.bootSeconds

  /// Seconds between two renewals.
  static let interval = 60.0
  /// Seconds without a renewal after which another host may begin.
  private static let patience = 150.0

  init(_ store: any ObjectStore) throws {
    self.store = store
    key = try ObjectKey(ReplicaLayout.lease)
  }

  var isHeld: Bool { state.withLock { $0.isHeld } }

  /// The time when history was last pruned; microseconds since 1970.
  var pruned: Int64 { state.withLock { $0.pruned } }

  /// Seconds since this session began.
  var age: Double { Clock.bootSeconds - began }

  var mayLookForPruning: Bool { state.withLock { Clock.bootSeconds >= $0.pruningLook } }

  func lookForPruning(in seconds: Double) {
    state.withLock { $0.pruningLook = Clock.bootSeconds + seconds }
  }

  /// Notes that history was pruned at `time`, to store it with the next renewal.
  func notePruned(_ time: Int64) { state.withLock { $0.pruned = time } }

  // MARK: Looking

  /// Reads the lease.
  ///
  /// Throws `.held` if its session is alive and mirrors another database, or the same one on
  /// another host.
  func look(database: String, host: String) throws -> LeaseRecord? {
    guard let record = try read()?.record else { return nil }
    guard !record.isClosed, !isHeld else { return record }
    let other = record.holder.session
    if other.host == host, ProcessIdentity.boot == record.holder.boot {
      // This session holds the claim of the database, so the earlier session for it has ended.
      guard other.database != database, isAlive(record.holder) else { return record }
      throw held(record)
    }
    // One of three clocks may be wrong. No write depends on the lease.
    let clocks = [Clock.wallMicroseconds, (try? store.time()) ?? 0]
    let isFresh = clocks.contains { abs(Double($0 - record.renewed) / 1e6) < Self.patience }
    guard isFresh, other.host != host else { return record }
    throw held(record)
  }

  private func read() throws -> (record: LeaseRecord?, etag: ETag)? {
    do throws(ObjectStoreError) {
      let content = try store.whole(key)
      return (try? LeaseRecord(content.bytes, object: key.name), content.etag)
    } catch {
      guard error.code == .notFound || error.code == .forged else { throw error }
      return nil
    }
  }

  private func isAlive(_ other: LeaseRecord.Holder) -> Bool {
    guard let start = ProcessIdentity.start(of: other.session.process) else { return false }
    return start == other.processStart || other.processStart == 0
  }

  private func held(_ record: LeaseRecord) -> MirrorError {
    MirrorError(
      .held,
      "\(record.holder.session.text) mirrors to \(store.url) since \(ISOTime.text(record.since)): stop it there, or "
        + "use another prefix")
  }

  // MARK: Holding

  /// Whether a renewal is due.
  var isDue: Bool { state.withLock { Clock.bootSeconds - $0.stored > Self.interval } }

  /// Takes or renews the lease; a failure does no harm.
  ///
  /// `holds` returns whether another session's place is on the chain.
  func renew(_ session: TurnRecord.Session, last: Place?, holds: (Place) -> Bool) {
    _ = request.withLockIfAvailable { _ in
      guard isDue else { return }
      store(session, last: last, isClosed: false, holds: holds)
    }
  }

  /// Closes the lease, so that other sessions may begin at once.
  ///
  /// It keeps the replica's last place, so that a lost end is noticed.
  func release(_ session: TurnRecord.Session, last: Place?, holds: (Place) -> Bool) {
    request.withLock { _ in
      // A session that stored nothing leaves the lease unchanged.
      guard isHeld || last != nil else { return }
      store(session, last: last, isClosed: true, holds: holds)
      state.withLock { $0.isHeld = false }
    }
  }

  private func store(
    _ session: TurnRecord.Session, last: Place?, isClosed: Bool, holds: (Place) -> Bool
  ) {
    let now = Clock.wallMicroseconds
    var (known, etag, isHeld) = state.withLock { ($0.record, $0.etag, $0.isHeld) }
    if !isHeld, let found = try? read() {
      (known, etag) = (found.record, found.etag)
      // It may be the only proof of a loss, which no session may replace (rule 15).
      if let place = known?.last, !holds(place) {
        return state.withLock { $0.stored = Clock.bootSeconds }
      }
    }
    let holder = LeaseRecord.Holder(
      session: session, boot: ProcessIdentity.boot,
      processStart: ProcessIdentity.start(of: session.process) ?? 0)
    let noted = state.withLock { $0.pruned }
    let pruned = max(noted, isHeld ? 0 : known?.pruned ?? (try? store.time()) ?? now)
    // Another session's place is proof too, until this session has stored something.
    var record = LeaseRecord(
      holder: holder, since: isHeld ? known?.since ?? now : now, pruned: pruned, last: last ?? known?.last)
    record.renewed = now
    record.isClosed = isClosed
    let condition: PutCondition = etag.map { .ifMatch($0) } ?? .ifAbsent
    let stored: ETag?
    do throws(ObjectStoreError) {
      stored = try store.put(key, record.bytes, condition)
    } catch {
      stored = error.code == .configuration ? try? store.put(key, record.bytes, .always) : nil
    }
    state.withLock {
      // Another session has changed it, or the store is unavailable: the next renewal reads it
      // again.
      $0.isHeld = stored != nil
      ($0.record, $0.etag) = (stored == nil ? nil : record, stored)
      $0.pruned = pruned
      $0.stored = Clock.bootSeconds
    }
  }
}
