import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// What the uploading of slices needs to know from one to the next; whoever has it uploads.
  struct UploadTurn {
    /// When the last slice and the last record were begun; monotonic seconds.
    var lastStart = -Double.infinity
    var lastRecord = -Double.infinity
    var isRecordDue = false
    /// Commits in the last slice, and those that came while it was on its way.
    var company = 0
    /// A slice that could not be stored at the first attempt.
    var held: Outgoing?
  }

  /// Uploads slices in order, one at a time; commits that come meanwhile travel together in the next.
  func uploadLoop() {
    while !isStopped {
      do {
        let pause = try turn.withLock { turn in try uploadNext(&turn) }
        if let pause { uploadSignal.wait(seconds: pause == .infinity ? nil : pause) }
      } catch let error as MirrorError {
        return fail(error)
      } catch {
        return fail(MirrorError(.store, "\(error)"))
      }
    }
  }

  /// Uploads the next slice, or returns how many seconds there is nothing to upload, infinitely many until the signal.
  private func uploadNext(_ turn: inout UploadTurn) throws -> Double? {
    let now = Clock.monotonicSeconds
    let isUrgent =
      settings.durability == .sync || state.withLock { $0.isFlushing > 0 || $0.recordWanted > now }
    let wait = isUrgent ? 0 : turn.lastStart + settings.syncInterval - now
    if turn.held == nil { awaitCompany(turn.company) }
    guard let outgoing = turn.held ?? nextOutgoing(mayClose: wait <= 0) else {
      // Nothing waits, or only an open slice that is not due yet.
      var pause = wait > 0 && hasOpenSlice ? wait : Double.infinity
      if turn.isRecordDue {
        let left = turn.lastRecord + 1 - now
        if left <= 0 { saveRecord(&turn, now) } else { pause = min(pause, left) }
      }
      return pause
    }
    turn.held = outgoing
    let isNear = isStoreNear
    if !isNear, let batch = outgoing.statements { uploadLater(batch) }
    guard try upload(outgoing.slice, unlessPresent: true) else { return 0 }
    didStore(outgoing, &turn, isNear: isNear, now)
    return nil
  }

  /// Where several processes wait for their commits, lets those whose last ones went together have the next ones in one
  /// slice too, for less than half as long as an upload takes.
  private func awaitCompany(_ company: Int) {
    let began = Clock.monotonicSeconds
    let end = state.withLock { $0.recordWanted > began ? began + min($0.lastPutSeconds * 0.4, 0.005) : began }
    while !isStopped, state.withLock({ $0.captured > $0.uploaded && $0.captured - $0.uploaded < company }) {
      let left = end - Clock.monotonicSeconds
      guard left > 0 else { return }
      uploadSignal.wait(seconds: left)
    }
  }

  /// Uploads what is captured on the calling thread, which waits for it, sparing the way over another thread.
  ///
  /// False where that thread is at it, or where something is amiss, which it then deals with.
  func uploadAtOnce(upTo last: UInt64) -> Bool {
    turn.withLockIfAvailable { turn in
      while true {
        let mayGoOn = state.withLock {
          $0.phase == .running && $0.hasBase && $0.failingSince == nil && !$0.isStopped
        }
        guard mayGoOn, turn.company < 2, turn.held == nil, isStoreNear else { return false }
        if state.withLock({ $0.uploaded >= last }) { return true }
        guard let outgoing = nextOutgoing(mayClose: true), let key = try? ObjectKey(outgoing.slice.name)
        else {
          return false
        }
        turn.held = outgoing
        let now = Clock.monotonicSeconds
        do {
          try lease.ensure()
          try put(key, outgoing.slice.bytes, unlessPresent: true)
        } catch {
          // The thread that uploads tries again, and finds out for itself.
          return false
        }
        didStore(outgoing, &turn, isNear: true, now)
      }
    } ?? false
  }

  /// A slice is in the store.
  private func didStore(_ outgoing: Outgoing, _ turn: inout UploadTurn, isNear: Bool, _ begun: Double) {
    turn.held = nil
    if state.withLock({ $0.generation == outgoing.generation }) { noteUploaded(slice: outgoing) }
    defer {
      state.withLock {
        $0.sent += 1
        $0.wakeWaiters()
      }
    }
    guard !outgoing.isPartial else { return }
    turn.lastStart = begun
    // Beside the slice it would only be in its way.
    if isNear, let batch = outgoing.statements { uploadLater(batch) }
    acknowledge(outgoing)
    turn.company =
      outgoing.transactions.count
      + state.withLock { $0.captured > $0.uploaded ? Int($0.captured - $0.uploaded) : 0 }
    // Written at most once a second, unless another process waits for it.
    let isWanted = state.withLock { $0.recordWanted > begun }
    turn.isRecordDue = true
    if isWanted || begun - turn.lastRecord >= 1 { saveRecord(&turn, begun) }
  }

  private func saveRecord(_ turn: inout UploadTurn, _ now: Double) {
    turn.lastRecord = now
    turn.isRecordDue = false
    saveRecord()
  }

  var hasOpenSlice: Bool { capture.withLock { $0.capture?.encoder.hasOpenSlice ?? false } }

  private func nextOutgoing(mayClose: Bool) -> Outgoing? {
    if let left = state.withLock({ $0.leftovers.isEmpty ? nil : $0.leftovers.removeFirst() }) { return left }
    return capture.withLock { site in
      guard let encoder = site.capture?.encoder, mayClose || !encoder.outbox.isEmpty else { return nil }
      encoder.acknowledged = state.withLock { $0.mirrored }
      let wasFull = encoder.isFull
      let next = encoder.takeOutgoing()
      if wasFull { captureSignal.raise() }
      return next
    }
  }

  private func acknowledge(_ outgoing: Outgoing) {
    let open = capture.withLock { site in
      site.capture?.encoder.outbox.first?.firstTime ?? site.capture?.encoder.oldestOpenTime
    }
    state.withLock {
      // What a generation that was given up still sent says nothing of the present one.
      guard $0.generation == outgoing.generation else { return }
      $0.uploaded = outgoing.lastTransaction
      // What a moving guard took may be stored before it is noted as taken.
      $0.captured = max($0.captured, $0.uploaded)
      $0.uploadedState = outgoing.state
      $0.uploadedPosition = outgoing.position
      $0.oldest = open
    }
  }

  /// Stores an object, trying again as long as it takes; false where the mirror was stopped first.
  ///
  /// With `unlessPresent` it is created, never overwritten: an object that is there already must be this very one
  /// (an acknowledgement was lost), or another writer owns the generation. Nothing is stored without the lease.
  func upload(_ object: Outgoing.Object, unlessPresent: Bool, isMerged: Bool = false) throws -> Bool {
    var attempt = 0
    let key = try ObjectKey(object.name)
    while !isStopped {
      do {
        try lease.ensure()
        guard !isStopped else { return false }
        try put(key, object.bytes, unlessPresent: unlessPresent)
        return true
      } catch let error as ObjectStoreError {
        if error.code == .preconditionFailed, let answer = look(for: key) {
          switch answer {
          case .success(let present):
            guard try settle(present, for: object, key, isMerged: isMerged) else { continue }
            state.withLock { $0.didReachStore() }
            return true
          case .failure(let error): report(error)
          }
        } else {
          report(error)
        }
        attempt += 1
        pauseBeforeRetry(attempt)
      }
    }
    return false
  }

  /// What stands in the way of an object; nil where it is gone again.
  ///
  /// That it cannot be read now says nothing of the object.
  private func look(for key: ObjectKey) -> Result<[UInt8], ObjectStoreError>? {
    do throws(ObjectStoreError) {
      return .success(try store.whole(key).bytes)
    } catch {
      return error.code == .notFound ? nil : .failure(error)
    }
  }

  /// One attempt.
  func put(_ key: ObjectKey, _ bytes: [UInt8], unlessPresent: Bool) throws {
    let start = Clock.monotonicSeconds
    try store.put(key, bytes, unlessPresent && lease.honoursConditions ? .ifAbsent : .always)
    let seconds = Clock.monotonicSeconds - start
    state.withLock {
      $0.didReachStore()
      $0.lastPutSeconds = seconds
    }
  }

  /// An object is there already: whether it is as good as this one.
  ///
  /// It may be this very one, whose answer was lost, or what this mirror or one before it, which was killed, had on its
  /// way. The lease is ours, so statements that nothing acknowledged give way. Throws where a slice is of another history.
  private func settle(
    _ present: [UInt8], for object: Outgoing.Object, _ key: ObjectKey, isMerged: Bool
  ) throws -> Bool {
    // A merged object may have been made before, at another time.
    if present == object.bytes || isMerged { return true }
    if key.name.contains("/sql/") {
      do throws(ObjectStoreError) {
        try store.put(key, object.bytes, .always)
        return true
      } catch {
        report(error)
        return false
      }
    }
    if let theirs = try? SliceReader(present, object: key.name),
      let ours = try? SliceReader(object.bytes, object: key.name),
      theirs.header.previous == ours.header.previous, theirs.header.transactions == ours.header.transactions,
      theirs.header.part == ours.header.part, theirs.header.parts == ours.header.parts,
      theirs.commits.last?.state == ours.commits.last?.state, theirs.endPosition == ours.endPosition
    {
      return true
    }
    throw MirrorError(
      .conflict, "another writer has stored \(object.name) in \(store.url); not mirroring any more")
  }

  // MARK: The record

  /// Notes beside the database how far the replica is.
  func saveRecord() {
    recordLock.withLock { _ in
      if let record = presentRecord { writeRecord(record) }
    }
  }

  private var presentRecord: PositionRecord? {
    let bytes = upkeep.withLock { $0.bytesSinceBase }
    return state.withLock {
      guard $0.hasBase, let generation = $0.generation, let database = $0.uploadedState else { return nil }
      return PositionRecord(
        url: store.url, generation: generation, transaction: $0.uploaded, state: database,
        position: $0.uploadedPosition, isAtRest: $0.restingTransaction == $0.uploaded,
        bytesSinceBase: bytes, file: $0.fileStamp, keyID: store.encryption?.keyID,
        writer: PositionRecord.Writer(
          process: ProcessIdentity.current, durability: settings.durability.rawValue))
    }
  }
}
