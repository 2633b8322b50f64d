import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

extension Engine {
  /// Uploads slices in order, one at a time; commits that come meanwhile travel together in the next.
  func uploadLoop() {
    var lastStart = -Double.infinity
    var lastRecord = -Double.infinity
    var isRecordDue = false
    while !isStopped {
      let now = Clock.monotonicSeconds
      let isUrgent = settings.durability == .sync || state.withLock { $0.isFlushing > 0 }
      let wait = isUrgent ? 0 : lastStart + settings.syncInterval - now
      guard let outgoing = nextOutgoing(mayClose: wait <= 0) else {
        // Nothing waits, or only an open slice that is not due yet.
        var pause: Double? = wait > 0 && hasOpenSlice ? wait : nil
        if isRecordDue {
          let left = lastRecord + 1 - now
          if left <= 0 {
            lastRecord = now
            isRecordDue = false
            saveRecord()
          } else {
            pause = min(pause ?? left, left)
          }
        }
        uploadSignal.wait(seconds: pause)
        continue
      }
      if !outgoing.isPartial { lastStart = now }
      let isNear = isStoreNear
      do {
        if !isNear, let batch = outgoing.statements { uploadLater(batch) }
        guard try upload(outgoing.slice, unlessPresent: true) else { return }
        if state.withLock({ $0.generation == outgoing.generation }) { noteUploaded(slice: outgoing) }
      } catch let error as MirrorError {
        return fail(error)
      } catch {
        return fail(MirrorError(.store, "\(error)"))
      }
      guard !outgoing.isPartial else { continue }
      // Beside the slice it would only be in its way.
      if isNear, let batch = outgoing.statements { uploadLater(batch) }
      acknowledge(outgoing)
      // Written at most once a second.
      isRecordDue = now - lastRecord < 1
      if !isRecordDue {
        lastRecord = now
        saveRecord()
      }
    }
  }

  var hasOpenSlice: Bool { capture.withLock { $0.capture?.encoder.hasOpenSlice ?? false } }

  private func nextOutgoing(mayClose: Bool) -> Outgoing? {
    if let left = state.withLock({ $0.leftovers.isEmpty ? nil : $0.leftovers.removeFirst() }) { return left }
    return capture.withLock { site in
      guard let encoder = site.capture?.encoder, mayClose || !encoder.outbox.isEmpty else { return nil }
      encoder.acknowledged = state.withLock { $0.mirrored }
      let next = encoder.takeOutgoing()
      if next != nil { captureSignal.raise() }
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
      $0.uploadedState = outgoing.state
      $0.uploadedPosition = outgoing.position
      $0.oldest = open
      $0.wakeWaiters()
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
        let start = Clock.monotonicSeconds
        try store.put(key, object.bytes, unlessPresent && lease.honoursConditions ? .ifAbsent : .always)
        let seconds = Clock.monotonicSeconds - start
        state.withLock {
          $0.didReachStore()
          $0.lastPutSeconds = seconds
        }
        return true
      } catch let error as ObjectStoreError {
        if error.code == .preconditionFailed, let present = try? store.get(key).bytes {
          guard try settle(present, for: object, key, isMerged: isMerged) else { continue }
          state.withLock { $0.didReachStore() }
          return true
        }
        report(error)
        attempt += 1
        pauseBeforeRetry(attempt)
      }
    }
    return false
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
    let bytes = upkeep.withLock { $0.bytesSinceBase }
    let record: PositionRecord? = state.withLock {
      guard $0.hasBase, let generation = $0.generation, let database = $0.uploadedState else { return nil }
      return PositionRecord(
        url: store.url, generation: generation, transaction: $0.uploaded, state: database,
        position: $0.uploadedPosition, isAtRest: $0.restingTransaction == $0.uploaded,
        bytesSinceBase: bytes, file: $0.fileStamp)
    }
    if let record { writeRecord(record) }
  }
}
