import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// What the uploading of slices needs to know from one to the next; whoever has it uploads.
  struct UploadState {
    /// When the last slice and the last record were begun; monotonic seconds.
    var lastStart = -Double.infinity
    var lastRecord = -Double.infinity
    var isRecordDue = false
    /// Commits in the last slice, and those that came while it was on its way.
    var groupCommitSize = 0
    /// Entries that are on their way, or could not be stored at the first attempt: one, or a turn and the slice after it.
    var held: [PendingUpload] = []
  }

  /// Uploads slices in order, one at a time; commits that come meanwhile travel together in the next.
  func uploadLoop() {
    while !isStopped {
      do {
        let pause = try turn.withLock { turn in try uploadNext(&turn) }
        if let pause { uploadSignal.wait(seconds: pause == .infinity ? nil : pause) }
      } catch let error as MirrorError where error.code == .fenced {
        // The capturing thread begins anew.
        turn.withLock { $0.held = [] }
        state.withLock {
          $0.fence = error
          $0.leftovers = []
        }
        captureSignal.raise()
        uploadSignal.wait(seconds: 0.1)
      } catch let error as MirrorError {
        return fail(error)
      } catch {
        return fail(MirrorError(.store, "\(error)"))
      }
    }
  }

  /// Uploads the next slice, or returns how many seconds there is nothing to upload, infinitely many until the signal.
  private func uploadNext(_ turn: inout UploadState) throws -> Double? {
    let now = Clock.monotonicSeconds
    let isUrgent =
      settings.durability == .sync || state.withLock { $0.isFlushing > 0 || $0.recordWanted > now }
    let wait = isUrgent ? 0 : turn.lastStart + settings.syncInterval - now
    if turn.held.isEmpty { awaitGroupCommit(turn.groupCommitSize) }
    if turn.held.isEmpty { turn.held = nextPending(mayClose: wait <= 0) }
    guard let last = turn.held.last else {
      // Nothing waits, or only an open slice that is not due yet.
      var pause = wait > 0 && hasOpenSlice ? wait : Double.infinity
      if turn.isRecordDue {
        let left = turn.lastRecord + 1 - now
        if left <= 0 { saveRecord(&turn, now) } else { pause = min(pause, left) }
      }
      return pause
    }
    guard state.withLock({ $0.fence == nil }) else { return 0.1 }
    guard try store(turn.held), try confirm() else { return 0 }
    didStore(last, &turn, now)
    renewLease()
    return nil
  }

  /// Where several processes wait for their commits, lets those whose last ones went together have the next ones in one
  /// slice too, for less than half as long as an upload takes.
  private func awaitGroupCommit(_ groupCommitSize: Int) {
    let began = Clock.monotonicSeconds
    let end = state.withLock { $0.recordWanted > began ? began + min($0.lastPutSeconds * 0.4, 0.005) : began }
    while !isStopped,
      state.withLock({ $0.captured > $0.uploaded && $0.captured - $0.uploaded < groupCommitSize })
    {
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
        // A turn, and what comes after long silence, need more than one request.
        let slots = self.slots.withLock { $0 }
        guard mayGoOn, turn.groupCommitSize < 2, turn.held.isEmpty, isStoreNear, slots.isConfirmed else {
          return false
        }
        if state.withLock({ $0.uploaded >= last }) { return true }
        turn.held = nextPending(mayClose: true)
        guard turn.held.count == 1, let entry = turn.held.first else { return false }
        let now = Clock.monotonicSeconds
        do {
          try create(entry, slots)
        } catch {
          // The thread that uploads tries again, and finds out for itself.
          return false
        }
        // The answer came after long silence: the thread that uploads reads the entry back (rule 8).
        guard slots.isConfirmed else { return false }
        didStore(entry, &turn, now)
      }
    } ?? false
  }

  /// Entries are stored, the last of which is `entry`, and count.
  private func didStore(_ entry: PendingUpload, _ turn: inout UploadState, _ begun: Double) {
    let held = turn.held
    turn.held = []
    let isPresent = state.withLock { state in
      guard state.generation == entry.generation else { return false }
      for entry in held { state.note(entry) }
      return true
    }
    if isPresent { noteUploaded(slice: entry) }
    defer {
      state.withLock {
        $0.sent += 1
        $0.wakeWaiters()
      }
    }
    guard !entry.isPartial else { return }
    turn.lastStart = begun
    if let batch = entry.batch { uploadLater(batch) }
    acknowledge(entry)
    turn.groupCommitSize =
      (entry.transactions?.count ?? 0)
      + state.withLock { $0.captured > $0.uploaded ? Int($0.captured - $0.uploaded) : 0 }
    // Written at most once a second, unless another process waits for it.
    let isWanted = state.withLock { $0.recordWanted > begun }
    turn.isRecordDue = true
    if begun - turn.lastRecord >= 1 {
      saveRecord(&turn, begun)
    } else if isWanted {
      // A process that waits needs no more than to read it.
      saveRecord(syncs: false)
    }
  }

  /// Renews the lease beside everything else, if that is due.
  func renewLease() {
    guard lease.isDue, state.withLock({ $0.hasBase }) else { return }
    maintenanceQueue.async(group: running) {
      self.renewLeaseNow()
      // Only who holds the lease knows when history was last pruned.
      self.startMaintenance()
    }
  }

  /// Takes or renews the lease if that is due.
  func renewLeaseNow() {
    let (session, tip) = (slots.withLock { $0.session }, state.withLock { $0.storedPlace })
    lease.renew(session, last: tip) { holds($0, tip) }
  }

  /// Closes the lease after everything was stored.
  func releaseLease() {
    let (session, tip) = (slots.withLock { $0.session }, state.withLock { $0.storedPlace })
    lease.release(session, last: tip) { holds($0, tip) }
  }

  /// Whether a place that another session stored is on the chain to the tip, or was left behind by order.
  private func holds(_ place: Place, _ tip: Place?) -> Bool {
    guard let tip, !state.withLock({ $0.isFork }) else { return true }
    return (try? ChainTip(catalog: ReplicaCatalog(store)).holds(place, tip: tip)) ?? false
  }

  private func saveRecord(_ turn: inout UploadState, _ now: Double) {
    turn.lastRecord = now
    turn.isRecordDue = false
    saveRecord()
  }

  var hasOpenSlice: Bool { capture.withLock { $0.capture?.encoder.hasOpenSlice ?? false } }

  /// The next entry; a turn together with the slice after it, since nobody waits for a turn.
  private func nextPending(mayClose: Bool) -> [PendingUpload] {
    let left = state.withLock { state -> [PendingUpload] in
      let count = state.leftovers.first?.isTurn == true ? 2 : 1
      defer { state.leftovers.removeFirst(min(count, state.leftovers.count)) }
      return Array(state.leftovers.prefix(count))
    }
    guard left.isEmpty else { return left }
    return capture.withLock { site in
      guard let encoder = site.capture?.encoder, mayClose || !encoder.outbox.isEmpty else { return [] }
      encoder.stored = state.withLock { $0.mirrored }
      let wasFull = encoder.isFull
      var next: [PendingUpload] = []
      while next.isEmpty || next.last?.isTurn == true, let entry = encoder.takeNext() { next.append(entry) }
      if wasFull { captureSignal.raise() }
      return next
    }
  }

  private func acknowledge(_ entry: PendingUpload) {
    let open = capture.withLock { site in
      site.capture?.encoder.outbox.first?.firstTime ?? site.capture?.encoder.oldestOpenTime
    }
    state.withLock {
      // What a generation that was given up still sent says nothing of the present one.
      guard $0.generation == entry.generation else { return }
      $0.uploaded = entry.lastTransaction
      // What a moving guard took may be stored before it is noted as taken.
      $0.captured = max($0.captured, $0.uploaded)
      $0.uploadedState = entry.state
      $0.uploadedPosition = entry.position
      $0.uploadedTime = entry.lastTime
      $0.oldest = open
    }
  }

  // MARK: Entries

  /// Creates entries, the turn and the slice after it at once, however long it takes; false if the mirror was stopped first.
  private func store(_ entries: [PendingUpload]) throws -> Bool {
    let slots = self.slots.withLock { $0 }
    guard entries.count == 2 else {
      return try entries.allSatisfy { entry in try untilStored { try create(entry, slots) } }
    }
    let failure = Mutex<(any Error)?>(nil)
    let isStored = Mutex(true)
    DispatchQueue.concurrentPerform(iterations: 2) { index in
      do {
        let done = try untilStored { try self.create(entries[index], slots) }
        if !done { isStored.withLock { $0 = false } }
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return isStored.withLock { $0 }
  }

  /// Reads back what was stored, if the rules ask for that before it counts; false if the mirror was stopped first.
  private func confirm() throws -> Bool {
    let slots = self.slots.withLock { $0 }
    guard !slots.isConfirmed, state.withLock({ $0.hasBase }) else { return true }
    guard try untilStored({ try slots.confirm() }) else { return false }
    if slots.keepsConditions == false { try noteUnfenced() }
    return true
  }

  /// The store ignores conditions: says so once.
  func noteUnfenced() throws {
    let cause = slots.withLock { $0.refusal }.map { " (\($0))" } ?? ""
    guard settings.isUnfencedAllowed || settings.durability == .async else {
      throw MirrorError(
        .refused,
        "\(store.url) ignores conditional writes\(cause), so nothing keeps a second writer from destroying what is stored: "
          + "durability sync is not possible there, unless you add --unfenced")
    }
    state.withLock {
      guard !$0.hasToldUnfenced else { return }
      $0.hasToldUnfenced = true
      $0.notices.append(
        "mirror: \(store.url) ignores conditional writes\(cause): a second writer would be noticed, not prevented"
      )
    }
  }

  /// One attempt to create an entry.
  private func create(_ entry: PendingUpload, _ slots: SlotLog) throws {
    let start = Clock.monotonicSeconds
    try slots.create(entry.place, id: entry.id, entry.bytes)
    slots.noteAnswer()
    let seconds = Clock.monotonicSeconds - start
    state.withLock {
      $0.didReachStore()
      $0.lastPutSeconds = seconds
    }
  }

  /// Tries until it works; false if the mirror was stopped first.
  func untilStored(_ body: () throws -> Void) throws -> Bool {
    var attempt = 0
    while !isStopped {
      do {
        try body()
        state.withLock { $0.didReachStore() }
        return true
      } catch let error as ObjectStoreError {
        report(error)
        attempt += 1
        pauseBeforeRetry(attempt)
      }
    }
    return false
  }

  /// Stores an object that has its name for itself, whoever writes it: parts, manifests, merged objects, batches.
  ///
  /// Tries as long as it takes; false if the mirror was stopped first.
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

  // MARK: The record

  /// Notes beside the database how far the replica is.
  ///
  /// What the record names must not be lost with the power, or the next session would take an older database for the one that
  /// it names (row e of the table of starts). So SQLite's log is synced first.
  func saveRecord(syncs: Bool = true) {
    recordLock.withLock { _ in
      let record = record(isSynced: syncs)
      guard var record else { return }
      if syncs, !record.isAtRest, (try? File(path + "-wal", .read).sync()) == nil {
        guard let unsynced = self.record(isSynced: false) else { return }
        record = unsynced
      }
      writeRecord(record)
    }
  }

  private func record(isSynced: Bool) -> PositionRecord? {
    let bytes = maintenance.withLock { $0.bytesSinceBase }
    let session = slots.withLock { $0.session.number }
    let unmerged = maintenance.withLock { $0.unmerged }
    let identity = identity
    return state.withLock {
      guard $0.hasBase, let place = $0.uploadedPlace, let database = $0.uploadedState else { return nil }
      return PositionRecord(
        url: store.url, place: place, entries: $0.lastEntries, session: session, transaction: $0.uploaded,
        state: database, position: $0.uploadedPosition, time: $0.uploadedTime, unmerged: unmerged,
        identity: identity,
        isSynced: isSynced, isAtRest: $0.restingTransaction == $0.uploaded, bytesSinceBase: bytes,
        file: $0.fileStamp, keyID: store.encryption?.keyID,
        writer: PositionRecord.Writer(
          process: ProcessIdentity.current, durability: settings.durability.rawValue))
    }
  }
}
