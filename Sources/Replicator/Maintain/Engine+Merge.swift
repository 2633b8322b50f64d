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
    maintenance.withLock {
      $0.slices.append(
        CompactionPolicy.Item(
          transactions: range, name: entry.place.key, id: entry.id, size: entry.bytes.count,
          bytes: entry.bytes, isWhole: !entry.isPart))
      $0.bytesSinceBase += entry.logBytes
      $0.puts += 1
    }
    startMaintenance()
  }

  func noteUploaded(batch: PendingUpload.Batch) {
    guard state.withLock({ $0.generation == batch.generation }) else { return }
    maintenance.withLock {
      $0.batches.append(
        CompactionPolicy.Item(
          transactions: batch.name.transactions, name: batch.object.name, id: batch.name.id,
          size: batch.bytes.count, bytes: batch.bytes))
      $0.puts += 1
    }
    startMaintenance()
  }

  /// Begins the work that is due, on a thread of its own.
  func startMaintenance() {
    let (hasBase, stored) = state.withLock { ($0.hasBase, $0.mirrored) }
    let isDue = maintenance.withLock { maintenance in
      guard !maintenance.isRunning, !maintenance.isEnding else { return false }
      maintenance.isRunning =
        settings.mergesObjects && hasBase
        && (maintenance.slices.run() != nil || maintenance.batches.run() != nil || maintenance.isLookDue)
        || !maintenance.gaps.isEmpty || isBaseDue(maintenance) || isPruneDue
        || maintenance.nextRemoval(at: Clock.bootSeconds, stored: stored) != nil
      return maintenance.isRunning
    }
    guard isDue else { return }
    maintenanceQueue.async(group: running) { self.doMaintenance() }
  }

  private func doMaintenance() {
    defer { maintenance.withLock { $0.isRunning = false } }
    do {
      if maintenance.withLock({ isBaseDue($0) }) { beginBaseInBackground() }
      try learnIfDue()
      try fillGaps()
      var isFirst = true
      while !isStopped, isFirst || !maintenance.withLock({ $0.isEnding }) {
        isFirst = false
        guard settings.mergesObjects, try mergeSlices() || mergeBatches() else { break }
      }
      try removeReplaced()
      try pruneIfDue()
    } catch let error as FormatError {
      // What is in the store cannot be read back: it would not restore either.
      maintenance.withLock { $0 = Maintenance(isRunning: true) }
      state.withLock { $0.damage = "\(error)" }
      captureSignal.raise()
    } catch {
      // The store is away or busy: there will be another occasion.
    }
  }

  /// Lists what the generation held before the session, once enough of it is not merged.
  private func learnIfDue() throws {
    guard maintenance.withLock({ $0.isLookDue }), let generation = state.withLock({ $0.generation }) else {
      return
    }
    let (last, known) = (state.withLock { $0.mirrored }, maintenance.withLock { $0.slices.items.first })
    let contents = try ReplicaCatalog(store).contents(of: generation, .everything)
    guard let base = contents.bases.last else { return }
    if let damage = contents.chain(after: base).damage { throw damage }
    maintenance.withLock { maintenance in
      guard maintenance.generation == generation, !maintenance.isKnown else { return }
      let fresh = Self.maintenance(contents, base, upTo: known?.transactions.lowerBound ?? last + 1)
      maintenance.slices.prepend(fresh.slices.items)
      maintenance.batches.prepend(fresh.batches.items)
      maintenance.gaps += fresh.gaps
      maintenance.replaced = fresh.replaced + maintenance.replaced
      maintenance.base = base
      maintenance.isKnown = true
      maintenance.unknownObjects = 0
    }
  }

  /// Merged are transactions that a restore would reach: an object says so, and readers take it as proof of a base.
  private func mergeSlices() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = maintenance.withLock({ $0.slices.run().map(Array.init) })
    else { return false }
    return try mergeSlices(run) { try upload($0) }
  }

  private func mergeBatches() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = maintenance.withLock({ $0.batches.run().map(Array.init) })
    else { return false }
    return try mergeBatches(run)
  }

  /// Makes one object of neighbours; `store` puts it there, or returns that it could not.
  private func mergeSlices(
    _ run: [CompactionPolicy.Item], _ store: (PendingUpload.Object) throws -> Bool
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

  private func mergeBatches(_ run: [CompactionPolicy.Item]) throws -> Bool {
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
    _ run: [CompactionPolicy.Item], _ transactions: ClosedRange<UInt64>, _ id: EntryID,
    _ object: PendingUpload.Object,
    _ shelf: WritableKeyPath<Maintenance, CompactionPolicy>
  ) {
    let due = Clock.bootSeconds + Self.grace
    maintenance.withLock {
      $0[keyPath: shelf].replace(
        transactions,
        with: CompactionPolicy.Item(
          transactions: transactions, name: object.name, id: id, size: object.bytes.count, bytes: object.bytes
        ))
      $0.replaced += run.map {
        Maintenance.Replaced(name: $0.name, last: $0.transactions.upperBound, due: due)
      }
    }
  }

  /// The objects of a run, fetched several at once where they were not kept.
  private func contents(of run: [CompactionPolicy.Item]) throws -> [(name: String, bytes: [UInt8])] {
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
    while !isStopped, !maintenance.withLock({ $0.isEnding }) {
      let stored = state.withLock { $0.mirrored }
      guard let name = maintenance.withLock({ $0.nextRemoval(at: Clock.bootSeconds, stored: stored) }) else {
        return
      }
      try store.delete(ObjectKey(name))
      maintenance.withLock { maintenance in
        if maintenance.replaced.first?.name == name { maintenance.replaced.removeFirst() }
      }
    }
  }

  /// Lets no new work begin, and waits for what is under way, which ends soon.
  func endMaintenance(seconds: Double) {
    maintenance.withLock { $0.isEnding = true }
    let end = Clock.monotonicSeconds + seconds
    awaitMaintenance(until: end)
    // After many small slices the last of them become one, of bytes that are at hand, by one request.
    guard settings.mergesObjects,
      state.withLock({ $0.phase == .running && $0.failingSince == nil && $0.hasBase }),
      let run = maintenance.withLock({ maintenance -> [CompactionPolicy.Item]? in
        guard !maintenance.isRunning, maintenance.puts >= Self.busySession,
          let run = maintenance.slices.tail(least: 8, kept: true)
        else { return nil }
        maintenance.isRunning = true
        return Array(run)
      })
    else { return }
    maintenanceQueue.async(group: running) {
      defer { self.maintenance.withLock { $0.isRunning = false } }
      _ = try? self.mergeSlices(run) { object in
        try self.store.put(ObjectKey(object.name), object.bytes, .ifAbsent)
        return true
      }
    }
    awaitMaintenance(until: min(end, Clock.monotonicSeconds + 2))
  }

  /// Objects stored in a session from which on its last ones are merged at its end.
  private static let busySession = 256

  private func awaitMaintenance(until end: Double) {
    while maintenance.withLock({ $0.isRunning || $0.isMakingBase }), !isStopped, Clock.monotonicSeconds < end
    {
      Clock.sleep(seconds: 0.002)
    }
  }

  // MARK: Bases

  /// For how many times as long as the last base took none is made: a log that grows without a pause wants one after the
  /// other, which are most of what the mirror does then.
  private static let restBetweenBases = 3.0

  private func isBaseDue(_ maintenance: Maintenance) -> Bool {
    guard !maintenance.isMakingBase, maintenance.bytesSinceBase > settings.baseBytes,
      Clock.monotonicSeconds >= maintenance.nextBase
    else { return false }
    return state.withLock { $0.hasBase && maintenance.bytesSinceBase > $0.databaseBytes }
  }

  /// The log since the base has outgrown the database: writes a new base beside everything else.
  private func beginBaseInBackground() {
    let began = try? snapshotOfPresent(until: Clock.monotonicSeconds + 60)
    guard let present = began ?? nil else { return }
    uploadSignal.raise()
    let before = maintenance.withLock { maintenance in
      maintenance.isMakingBase = true
      return maintenance.bytesSinceBase
    }
    let start = Clock.monotonicSeconds
    baseQueue.async(group: running) {
      let isDone = self.uploadBase(present)
      self.maintenance.withLock {
        $0.isMakingBase = false
        let end = Clock.monotonicSeconds
        $0.nextBase = end + Self.restBetweenBases * (end - start)
        guard isDone else { return }
        $0.bytesSinceBase -= before
      }
    }
  }

  /// Goes over to another generation, or to the first.
  func beginMaintenance(_ fresh: Maintenance) {
    maintenance.withLock { old in
      var fresh = fresh
      fresh.isRunning = old.isRunning
      fresh.isMakingBase = old.isMakingBase
      old = fresh
    }
    if !fresh.gaps.isEmpty { startMaintenance() }
  }

  /// A base counts.
  func noteBase(_ base: BaseName, of generation: GenerationID) {
    maintenance.withLock {
      if $0.generation == generation { $0.count(base: base) }
    }
    startMaintenance()
  }
}
