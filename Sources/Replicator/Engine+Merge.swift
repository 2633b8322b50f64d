import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// Seconds that replaced objects stay.
  static let grace = 900.0

  func noteUploaded(slice entry: PendingUpload) {
    guard let range = entry.transactions, state.withLock({ $0.generation == entry.generation }) else {
      return
    }
    upkeep.withLock {
      $0.slices.append(
        MergeShelf.Item(
          transactions: range, name: entry.place.key, id: entry.id, size: entry.bytes.count,
          bytes: entry.bytes, isWhole: !entry.isPart))
      $0.bytesSinceBase += entry.logBytes
      $0.puts += 1
    }
    startUpkeep()
  }

  func noteUploaded(batch: PendingUpload.Batch) {
    guard state.withLock({ $0.generation == batch.generation }) else { return }
    upkeep.withLock {
      $0.batches.append(
        MergeShelf.Item(
          transactions: batch.name.transactions, name: batch.object.name, id: batch.name.id,
          size: batch.bytes.count, bytes: batch.bytes))
      $0.puts += 1
    }
    startUpkeep()
  }

  /// Begins the work that is due, on a thread of its own.
  func startUpkeep() {
    let (hasBase, stored) = state.withLock { ($0.hasBase, $0.mirrored) }
    let isDue = upkeep.withLock { upkeep in
      guard !upkeep.isRunning, !upkeep.isEnding else { return false }
      upkeep.isRunning =
        settings.mergesObjects && hasBase
        && (upkeep.slices.run() != nil || upkeep.batches.run() != nil || upkeep.isLookDue)
        || !upkeep.gaps.isEmpty || isBaseDue(upkeep) || isPruneDue
        || upkeep.nextRemoval(at: Clock.bootSeconds, stored: stored) != nil
      return upkeep.isRunning
    }
    guard isDue else { return }
    upkeepQueue.async(group: running) { self.doUpkeep() }
  }

  private func doUpkeep() {
    defer { upkeep.withLock { $0.isRunning = false } }
    do {
      if upkeep.withLock({ isBaseDue($0) }) { beginBaseInBackground() }
      try learnIfDue()
      try fillGaps()
      var isFirst = true
      while !isStopped, isFirst || !upkeep.withLock({ $0.isEnding }) {
        isFirst = false
        guard settings.mergesObjects, try mergeSlices() || mergeBatches() else { break }
      }
      try removeReplaced()
      try pruneIfDue()
    } catch let error as FormatError {
      // What is in the store cannot be read back: it would not restore either.
      upkeep.withLock { $0 = Upkeep(isRunning: true) }
      state.withLock { $0.damage = "\(error)" }
      captureSignal.raise()
    } catch {
      // The store is away or busy: there will be another occasion.
    }
  }

  /// Lists what the generation held before the session, once enough of it is not merged.
  private func learnIfDue() throws {
    guard upkeep.withLock({ $0.isLookDue }), let generation = state.withLock({ $0.generation }) else {
      return
    }
    let (last, known) = (state.withLock { $0.mirrored }, upkeep.withLock { $0.slices.items.first })
    let contents = try ReplicaCatalog(store).contents(of: generation, .everything)
    guard let base = contents.bases.last else { return }
    if let damage = contents.chain(after: base).damage { throw damage }
    upkeep.withLock { upkeep in
      guard upkeep.generation == generation, !upkeep.isKnown else { return }
      let fresh = Self.upkeep(contents, base, upTo: known?.transactions.lowerBound ?? last + 1)
      upkeep.slices.prepend(fresh.slices.items)
      upkeep.batches.prepend(fresh.batches.items)
      upkeep.gaps += fresh.gaps
      upkeep.replaced = fresh.replaced + upkeep.replaced
      upkeep.base = base
      upkeep.isKnown = true
      upkeep.unknownObjects = 0
    }
  }

  /// Merged are transactions that a restore would reach: an object says so, and readers take it as proof of a base.
  private func mergeSlices() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = upkeep.withLock({ $0.slices.run().map(Array.init) })
    else { return false }
    return try mergeSlices(run) { try upload($0) }
  }

  private func mergeBatches() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = upkeep.withLock({ $0.batches.run().map(Array.init) })
    else { return false }
    return try mergeBatches(run)
  }

  /// Makes one object of neighbours; `store` puts it there, or returns that it could not.
  private func mergeSlices(
    _ run: [MergeShelf.Item], _ store: (PendingUpload.Object) throws -> Bool
  ) throws -> Bool {
    guard let first = run.first, let generation = ReplicaLayout.generation(of: first.name) else {
      return false
    }
    let merged = try SliceMerge.merge(
      try contents(of: run), stored: state.withLock { $0.mirrored }, created: Clock.wallMicroseconds)
    let object = PendingUpload.Object(name: merged.name.key(in: generation), bytes: merged.bytes)
    guard try store(object) else { return false }
    replace(run, merged.name.transactions, merged.name.id, object, \.slices)
    return true
  }

  private func mergeBatches(_ run: [MergeShelf.Item]) throws -> Bool {
    guard let first = run.first, let last = run.last,
      let generation = ReplicaLayout.generation(of: first.name),
      let merged = try StatementMerge.merge(try contents(of: run), generation: generation)
    else { return false }
    let name = BatchName(merged.transactions, id: last.id)
    let object = PendingUpload.Object(name: name.key(in: generation), bytes: merged.bytes)
    guard try upload(object) else { return false }
    replace(run, merged.transactions, last.id, object, \.batches)
    return true
  }

  private func replace(
    _ run: [MergeShelf.Item], _ transactions: ClosedRange<UInt64>, _ id: EntryID,
    _ object: PendingUpload.Object,
    _ shelf: WritableKeyPath<Upkeep, MergeShelf>
  ) {
    let due = Clock.bootSeconds + Self.grace
    upkeep.withLock {
      $0[keyPath: shelf].replace(
        transactions,
        with: MergeShelf.Item(
          transactions: transactions, name: object.name, id: id, size: object.bytes.count, bytes: object.bytes
        ))
      $0.replaced += run.map { Upkeep.Replaced(name: $0.name, last: $0.transactions.upperBound, due: due) }
    }
  }

  /// The objects of a run, fetched several at once where they were not kept.
  private func contents(of run: [MergeShelf.Item]) throws -> [(name: String, bytes: [UInt8])] {
    let fetched = Mutex<[String: Result<[UInt8], any Error>]>([:])
    let pool = TransferPool("mirror.merge", threads: 4)
    let group = DispatchGroup()
    for item in run where item.bytes == nil {
      pool.run(in: group) {
        let result = Result { try self.store.content(of: item.name).bytes }
        fetched.withLock { $0[item.name] = result }
      }
    }
    group.wait()
    return try run.map { item in
      if let bytes = item.bytes { return (item.name, bytes) }
      return (item.name, try fetched.withLock { try $0[item.name]?.get() } ?? [])
    }
  }

  /// Deletes objects that merged ones have replaced, when nobody can need them any more (rules 16 and 17).
  private func removeReplaced() throws {
    while !isStopped, !upkeep.withLock({ $0.isEnding }) {
      let stored = state.withLock { $0.mirrored }
      guard let name = upkeep.withLock({ $0.nextRemoval(at: Clock.bootSeconds, stored: stored) }) else {
        return
      }
      try store.delete(ObjectKey(name))
      upkeep.withLock { upkeep in
        if upkeep.replaced.first?.name == name { upkeep.replaced.removeFirst() }
      }
    }
  }

  /// Lets no new work begin, and waits for what is under way, which ends soon.
  func endUpkeep(seconds: Double) {
    upkeep.withLock { $0.isEnding = true }
    let end = Clock.monotonicSeconds + seconds
    awaitUpkeep(until: end)
    // After many small slices the last of them become one, of bytes that are at hand, by one request.
    guard settings.mergesObjects,
      state.withLock({ $0.phase == .running && $0.failingSince == nil && $0.hasBase }),
      let run = upkeep.withLock({ upkeep -> [MergeShelf.Item]? in
        guard !upkeep.isRunning, upkeep.puts >= Self.busySession,
          let run = upkeep.slices.tail(least: 8, kept: true)
        else { return nil }
        upkeep.isRunning = true
        return Array(run)
      })
    else { return }
    upkeepQueue.async(group: running) {
      defer { self.upkeep.withLock { $0.isRunning = false } }
      _ = try? self.mergeSlices(run) { object in
        try self.store.put(ObjectKey(object.name), object.bytes, .ifAbsent)
        return true
      }
    }
    awaitUpkeep(until: min(end, Clock.monotonicSeconds + 2))
  }

  /// Objects stored in a session from which on its last ones are merged at its end.
  private static let busySession = 256

  private func awaitUpkeep(until end: Double) {
    while upkeep.withLock({ $0.isRunning || $0.isMakingBase }), !isStopped, Clock.monotonicSeconds < end {
      Clock.sleep(seconds: 0.002)
    }
  }

  // MARK: Bases

  /// For how many times as long as the last base took none is made: a log that grows without a pause wants one after the
  /// other, which are most of what the mirror does then.
  private static let restBetweenBases = 3.0

  private func isBaseDue(_ upkeep: Upkeep) -> Bool {
    guard !upkeep.isMakingBase, upkeep.bytesSinceBase > settings.baseBytes,
      Clock.monotonicSeconds >= upkeep.nextBase
    else { return false }
    return state.withLock { $0.hasBase && upkeep.bytesSinceBase > $0.databaseBytes }
  }

  /// The log since the base has outgrown the database: writes a new base beside everything else.
  private func beginBaseInBackground() {
    let began = try? snapshotOfPresent(until: Clock.monotonicSeconds + 60)
    guard let present = began ?? nil else { return }
    uploadSignal.raise()
    let before = upkeep.withLock { upkeep in
      upkeep.isMakingBase = true
      return upkeep.bytesSinceBase
    }
    let start = Clock.monotonicSeconds
    baseQueue.async(group: running) {
      let isDone = self.uploadBase(present)
      self.upkeep.withLock {
        $0.isMakingBase = false
        let end = Clock.monotonicSeconds
        $0.nextBase = end + Self.restBetweenBases * (end - start)
        guard isDone else { return }
        $0.bytesSinceBase -= before
      }
    }
  }

  /// Goes over to another generation, or to the first.
  func beginUpkeep(_ fresh: Upkeep) {
    upkeep.withLock { old in
      var fresh = fresh
      fresh.isRunning = old.isRunning
      fresh.isMakingBase = old.isMakingBase
      old = fresh
    }
    if !fresh.gaps.isEmpty { startUpkeep() }
  }

  /// A base counts.
  func noteBase(_ base: BaseName, of generation: GenerationID) {
    upkeep.withLock {
      if $0.generation == generation { $0.count(base: base) }
    }
    startUpkeep()
  }
}
