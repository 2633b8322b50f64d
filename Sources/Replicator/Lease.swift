import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// The right to write to a replica, kept as an object that is changed by conditional puts only.
///
/// It is good for `leaseSeconds` after each renewal, and is renewed only when there is something to write: an
/// idle mirror makes no requests. Another host may take it once it has not been renewed for a quarter longer; a
/// writer that comes back after that finds out before it writes. On the same host the holder's process is looked
/// for. Where the store ignores conditions, two writers are noticed at the next renewal instead of prevented.
final class Lease: Sendable {
  /// How the replica may be gone on with.
  enum Finding {
    /// Nobody else writes, nor can anything of another writer still be on its way.
    case free
    /// Another host's holder has not been heard of for long: its generation must not be continued.
    case abandoned(LeaseRecord)

    var isFree: Bool {
      if case .free = self { return true }
      return false
    }
  }

  /// Seconds that the clocks of two hosts may be apart without harm.
  static let clockError = 300.0

  private struct State {
    /// `Clock.bootSeconds` from which on it is worth a look whether history is old.
    var pruningLook = -Double.infinity
    /// The generation that this session writes.
    var generation: GenerationID?
    var record: LeaseRecord?
    var etag: ETag?
    var isHeld = false
    /// Why it will not be tried for again.
    var loss: MirrorError?
    /// Seconds of `Clock.bootSeconds` until which nobody else can have taken it.
    var validUntil = -Double.infinity
  }

  private let store: any ObjectStore
  /// Seconds that a renewal lasts.
  private let validity: Double
  private let holder: LeaseRecord.Holder
  private let key: ObjectKey
  private let state = Mutex(State())
  /// Held while a request is under way.
  private let request = Mutex(())
  private let conditions = Atomic(true)
  private let notices: Notices
  private let began = Clock.bootSeconds

  init(_ store: any ObjectStore, database: String, settings: MirrorSettings, notices: Notices) throws {
    validity = settings.leaseSeconds
    self.store = store
    self.notices = notices
    key = try ObjectKey(ReplicaLayout.lease)
    let process = ProcessIdentity.current
    holder = LeaseRecord.Holder(
      writer: .random(in: 1...UInt64.max), host: settings.host, boot: ProcessIdentity.boot,
      process: process, processStart: ProcessIdentity.start(of: process) ?? 0, database: database)
  }

  /// Seconds without a renewal after which another host may take over.
  private var takeover: Double { validity * 1.25 }

  /// Random; tells this session from others.
  var writer: UInt64 { holder.writer }

  /// Whether the store keeps to the conditions of puts, as far as is known.
  var honoursConditions: Bool { conditions.load(ordering: .relaxed) }

  var isHeld: Bool { state.withLock { $0.isHeld } }

  /// When history was last pruned, microseconds since 1970.
  var pruned: Int64 { state.withLock { $0.record?.pruned ?? 0 } }

  /// Seconds since this session began.
  var age: Double { Clock.bootSeconds - began }

  var mayLookForPruning: Bool { state.withLock { Clock.bootSeconds >= $0.pruningLook } }

  func lookForPruning(in seconds: Double) {
    state.withLock { $0.pruningLook = Clock.bootSeconds + seconds }
  }

  /// The generation that the writer before had begun or gone on with, as the lease says.
  var generation: GenerationID? { state.withLock { $0.record?.generation } }

  /// Says in the lease, from the next renewal on, which generation is written.
  func note(_ generation: GenerationID) { state.withLock { $0.generation = generation } }

  /// Keeps that history was pruned now, from the next renewal on.
  func notePruned(_ time: Int64) { state.withLock { $0.record?.pruned = time } }

  // MARK: Looking

  /// Finds out whether somebody else writes to the replica.
  ///
  /// Throws `.held` where somebody does. Watches another host's lease until it is renewed or has run out.
  func look(isStopped: () -> Bool, pause: (Double) -> Void) throws -> Finding {
    guard !state.withLock({ $0.isHeld }) else { return .free }
    guard let found = try read() else {
      state.withLock { ($0.record, $0.etag, $0.isHeld, $0.loss) = (nil, nil, false, nil) }
      return .free
    }
    state.withLock {
      $0.record = found.record
      $0.etag = found.etag
    }
    guard let record = found.record else { return .free }
    conditions.store(record.honoursConditions, ordering: .relaxed)
    if record.isReleased { return .free }
    let other = record.holder
    if other.host == holder.host, other.boot == holder.boot || other.boot.isEmpty || holder.boot.isEmpty {
      // Of the same database, this mirror holds the claim: whoever had it is gone.
      if other.database == holder.database || !isAlive(other) { return .free }
      throw held(record)
    }
    if other.host == holder.host { return .free }
    // The other's clock may be wrong by minutes: what counts is that it stays silent while being watched.
    let age = Double(Clock.wallMicroseconds - record.renewed) / 1e6
    if abs(age) < Self.clockError {
      notices.add(
        "mirror: \(describe(other)) wrote to \(store.url) not long ago; watching it for \(Int(takeover)) s"
      )
      return try watch(found.etag, record, isStopped: isStopped, pause: pause)
    }
    return .abandoned(record)
  }

  private func watch(
    _ etag: ETag, _ record: LeaseRecord, isStopped: () -> Bool, pause: (Double) -> Void
  ) throws -> Finding {
    let end = Clock.bootSeconds + takeover
    while !isStopped(), Clock.bootSeconds < end { pause(0.1) }
    guard let now = try read(), now.etag != etag, let newer = now.record else { return .abandoned(record) }
    guard newer.isReleased else { throw held(newer) }
    state.withLock {
      $0.record = newer
      $0.etag = now.etag
    }
    return .free
  }

  private func read() throws -> (record: LeaseRecord?, etag: ETag)? {
    do throws(ObjectStoreError) {
      let content = try store.whole(key)
      return (try? LeaseRecord(content.bytes, object: key.name), content.etag)
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private func isAlive(_ other: LeaseRecord.Holder) -> Bool {
    guard let start = ProcessIdentity.start(of: other.process) else { return false }
    return start == other.processStart || other.processStart == 0
  }

  private func describe(_ other: LeaseRecord.Holder) -> String {
    "process \(other.process) on \(other.host) (\(other.database))"
  }

  private func held(_ record: LeaseRecord) -> MirrorError {
    MirrorError(
      .held,
      "\(store.url) is mirrored to by \(describe(record.holder)) since \(ISOTime.text(record.since)): "
        + "stop it there, or use another prefix")
  }

  // MARK: Holding

  /// Makes sure that nobody else may write now: takes or renews the lease where that is due.
  ///
  /// Throws `.conflict` where another writer has taken it, and errors of the store, which may be tried again.
  func ensure() throws {
    try throwIfLost()
    let left = state.withLock { $0.isHeld ? $0.validUntil - Clock.bootSeconds : -1 }
    if left > validity / 2 { return }
    if left > validity / 20 {
      // Soon due: whoever comes first renews it, the others need not wait.
      _ = try request.withLockIfAvailable { _ in try renew() }
    } else {
      try request.withLock { _ in
        guard state.withLock({ !$0.isHeld || $0.validUntil - Clock.bootSeconds <= validity / 20 }) else {
          return
        }
        try renew()
      }
    }
  }

  private func throwIfLost() throws {
    if let loss = state.withLock({ $0.loss }) { throw loss }
  }

  private func renew() throws {
    try throwIfLost()
    let (before, etag, isHeld) = state.withLock { ($0.record, $0.etag, $0.isHeld) }
    let start = Clock.bootSeconds
    let now = Clock.wallMicroseconds
    var record: LeaseRecord
    if isHeld, let before {
      record = before
      record.renewed = now
    } else {
      record = LeaseRecord(
        epoch: (before?.epoch ?? 0) + 1, holder: holder, since: now, honoursConditions: honoursConditions,
        pruned: try before?.pruned ?? store.time() ?? now)
      record.last = before?.last
    }
    record.generation = state.withLock { $0.generation } ?? before?.generation
    if !honoursConditions { try checkHolder(before) }
    var stored = try put(record, etag)
    if before == nil, honoursConditions {
      stored = try probe(&record, stored)
    }
    state.withLock {
      // What was noted meanwhile goes with the next renewal.
      record.pruned = max(record.pruned, $0.record?.pruned ?? 0)
      $0.record = record
      $0.etag = stored
      $0.isHeld = true
      $0.validUntil = start + validity
    }
  }

  private func put(_ record: LeaseRecord, _ etag: ETag?) throws -> ETag {
    let bytes = record.bytes
    let condition: PutCondition =
      if !honoursConditions { .always } else if let etag { .ifMatch(etag) } else { .ifAbsent }
    do throws(ObjectStoreError) {
      return try store.put(key, bytes, condition)
    } catch {
      if error.code == .configuration, condition != .always {
        // The store has no conditional puts at all.
        setIgnored(because: error.cause)
        return try store.put(key, bytes, .always)
      }
      guard error.code == .preconditionFailed else { throw error }
      let present: ObjectContent
      do throws(ObjectStoreError) { present = try store.whole(key) } catch {
        guard error.code == .notFound else { throw error }
        throw MirrorError(
          .conflict, "the lease of \(store.url) was removed by somebody; not mirroring any more")
      }
      // An answer was lost: it is this very record, or the renewal before it.
      if present.bytes == bytes { return present.etag }
      guard let other = try? LeaseRecord(present.bytes, object: key.name) else {
        // Nobody's: what the store says of it is not the lease of another writer.
        throw ObjectStoreError(
          .damaged, verb: "get", object: key.name, cause: "what \(store.url) sent is not a lease")
      }
      if other.holder == record.holder, other.epoch == record.epoch {
        return try store.put(key, bytes, .ifMatch(present.etag))
      }
      throw lost(to: other)
    }
  }

  /// Tries whether the store refuses a put whose condition does not hold.
  private func probe(_ record: inout LeaseRecord, _ etag: ETag) throws -> ETag {
    do throws(ObjectStoreError) {
      let replaced = try store.put(key, record.bytes, .ifAbsent)
      setIgnored()
      record.honoursConditions = false
      return replaced
    } catch {
      guard error.code == .preconditionFailed else { throw error }
      return etag
    }
  }

  private func setIgnored(because cause: String? = nil) {
    guard conditions.exchange(false, ordering: .relaxed) else { return }
    notices.add(
      "mirror: \(store.url) does not keep to conditional writes\(cause.map { " (\($0))" } ?? ""): a second writer "
        + "would be noticed within \(Int(validity)) s, not prevented")
  }

  private func checkHolder(_ before: LeaseRecord?) throws {
    guard let found = try read()?.record else { return }
    let isOurs = found.holder == holder
    guard isOurs || (before.map { $0.holder == found.holder && $0.epoch == found.epoch } ?? false) else {
      throw lost(to: found)
    }
  }

  private func lost(to other: LeaseRecord) -> MirrorError {
    let who = "\(describe(other.holder)) mirrors to it since \(ISOTime.text(other.since))"
    let loss = MirrorError(
      .conflict, "the lease of \(store.url) is lost: \(who); not mirroring any more")
    state.withLock {
      $0.isHeld = false
      $0.loss = loss
    }
    return loss
  }

  /// Lets others have it at once, and keeps how far the replica reaches, so that a lost end is noticed.
  ///
  /// Failing to is no harm but a wait for the next.
  func release(after last: LeaseRecord.End?) {
    request.withLock { _ in
      let (record, etag) = state.withLock { state in
        defer { state.isHeld = false }
        return state.isHeld ? (state.record, state.etag) : (nil, nil)
      }
      guard var record, let etag else { return }
      record.isReleased = true
      record.last = last ?? record.last
      record.renewed = Clock.wallMicroseconds
      _ = try? store.put(key, record.bytes, honoursConditions ? .ifMatch(etag) : .always)
    }
  }
}
