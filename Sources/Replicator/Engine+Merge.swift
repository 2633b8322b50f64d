import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// What the mirror does beside following the log, to keep history short to restore and bounded.
struct Upkeep {
  var slices = MergeShelf()
  var batches = MergeShelf()
  var isRunning = false
  var isEnding = false
  /// Objects that a merged one has replaced, and when they may go (`Clock.bootSeconds`): a restore that was planned
  /// before may still read them.
  var replaced: [(name: String, due: Double)] = []
  /// Bytes of log in the replica since the last base, and whether a base is on its way.
  var bytesSinceBase = 0
  var isMakingBase = false
  /// When the next base may begin; monotonic seconds.
  var nextBase = -Double.infinity
  /// Transactions of which no statements are in the replica.
  var gaps: [ClosedRange<UInt64>] = []
  /// The generation, and the base that counts in it; nil before there is one.
  var generation: GenerationID?
  var base: UInt64?
  var index = IndexState()

  /// Of a base that counts, what lies before it need not be merged any more.
  mutating func count(base transaction: UInt64) {
    slices.drop(through: transaction)
    batches.drop(through: transaction)
    base = max(base ?? 0, transaction)
    index.isBaseNew = true
  }
}

extension Engine {
  /// Seconds that replaced objects stay.
  static let grace = 900.0

  func noteUploaded(slice outgoing: Outgoing) {
    guard state.withLock({ $0.generation == outgoing.generation }) else { return }
    let range = outgoing.transactions
    upkeep.withLock {
      $0.slices.append(
        MergeShelf.Item(
          transactions: range, name: outgoing.slice.name, size: outgoing.slice.bytes.count,
          bytes: outgoing.slice.bytes, isWhole: !outgoing.isPart))
      $0.bytesSinceBase += outgoing.logBytes
      $0.index.notePut()
    }
    startUpkeep()
  }

  func noteUploaded(batch: Outgoing.Object) {
    guard let range = ReplicaLayout.statementRange(of: batch.name),
      state.withLock({ $0.generation == ReplicaLayout.generation(of: batch.name) })
    else { return }
    upkeep.withLock {
      $0.batches.append(
        MergeShelf.Item(
          transactions: range, name: batch.name, size: batch.bytes.count, bytes: batch.bytes))
      $0.index.notePut()
    }
    startUpkeep()
  }

  /// Begins the work that is due, on a thread of its own.
  func startUpkeep() {
    let hasBase = state.withLock { $0.hasBase }
    let isDue = upkeep.withLock { upkeep in
      guard !upkeep.isRunning, !upkeep.isEnding else { return false }
      upkeep.isRunning =
        settings.mergesObjects && hasBase && (upkeep.slices.run() != nil || upkeep.batches.run() != nil)
        || !upkeep.gaps.isEmpty || isBaseDue(upkeep) || isPruneDue
        || settings.mergesObjects && upkeep.isIndexDue || upkeep.nextRemoval(at: Clock.bootSeconds) != nil
      return upkeep.isRunning
    }
    guard isDue else { return }
    upkeepQueue.async(group: running) { self.doUpkeep() }
  }

  private func doUpkeep() {
    let knewOfBase = upkeep.withLock { $0.index.isBaseNew }
    defer {
      let isNew = upkeep.withLock {
        $0.isRunning = false
        return $0.index.isBaseNew && !knewOfBase
      }
      // It came while this was under way, and perhaps nothing will be stored for long.
      if isNew { startUpkeep() }
    }
    do {
      if upkeep.withLock({ isBaseDue($0) }) { beginBaseInBackground() }
      try fillGaps()
      var isFirst = true
      while !isStopped, isFirst || !upkeep.withLock({ $0.isEnding }) {
        isFirst = false
        guard settings.mergesObjects else { break }
        try writeIndexIfDue()
        guard try mergeSlices() || mergeBatches() else { break }
      }
      try removeReplaced()
      try pruneIfDue()
    } catch let error as FormatError {
      // What is in the store cannot be read back: it would not restore either.
      upkeep.withLock { $0 = Upkeep(isRunning: true) }
      state.withLock { $0.damage = "\(error)" }
      captureSignal.raise()
    } catch let error as MirrorError where error.code == .conflict {
      fail(error)
    } catch {
      // The store is away or busy: there will be another occasion.
    }
  }

  /// Merged are transactions that a restore would reach: an object says so, and readers take it as proof of a base.
  private func mergeSlices() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = upkeep.withLock({ $0.slices.run().map(Array.init) })
    else { return false }
    return try mergeSlices(run) { try upload($0, unlessPresent: true, isMerged: true) }
  }

  private func mergeBatches() throws -> Bool {
    guard state.withLock({ $0.hasBase }), let run = upkeep.withLock({ $0.batches.run().map(Array.init) })
    else { return false }
    return try mergeBatches(run)
  }

  /// Makes one object of neighbours; `store` puts it there, or says that it could not.
  private func mergeSlices(
    _ run: [MergeShelf.Item], _ store: (Outgoing.Object) throws -> Bool
  ) throws -> Bool {
    guard let first = run.first, let last = run.last,
      let generation = ReplicaLayout.generation(of: first.name)
    else { return false }
    let merged = try SliceMerge.merge(
      try contents(of: run), acknowledged: max(state.withLock { $0.mirrored }, last.transactions.upperBound),
      created: Clock.wallMicroseconds)
    let object = Outgoing.Object(name: ReplicaLayout.slice(generation, merged.name), bytes: merged.bytes)
    guard try store(object) else { return false }
    return replace(run, first.transactions.lowerBound...last.transactions.upperBound, object, \.slices)
  }

  private func mergeBatches(_ run: [MergeShelf.Item]) throws -> Bool {
    guard let first = run.first, let last = run.last,
      let generation = ReplicaLayout.generation(of: first.name),
      let merged = try StatementMerge.merge(try contents(of: run), generation: generation)
    else { return false }
    let object = Outgoing.Object(
      name: ReplicaLayout.statements(generation, merged.transactions), bytes: merged.bytes)
    guard try upload(object, unlessPresent: true, isMerged: true) else { return false }
    return replace(run, first.transactions.lowerBound...last.transactions.upperBound, object, \.batches)
  }

  /// Makes one object of the few at the end, before an index names them; returns the last transactions of slices and batches
  /// that are merged as far as they should be, or nil where the mirror was stopped.
  func mergeTails() throws -> (slices: UInt64, batches: UInt64)? {
    let least = 4
    let (slices, lastSlice) = upkeep.withLock {
      ($0.slices.tail(least: least).map(Array.init), $0.slices.items.last?.transactions.upperBound ?? .max)
    }
    if let slices {
      guard try mergeSlices(slices, { try upload($0, unlessPresent: true, isMerged: true) }) else {
        return nil
      }
    }
    let (batches, lastBatch) = upkeep.withLock {
      ($0.batches.tail(least: least).map(Array.init), $0.batches.items.last?.transactions.upperBound ?? .max)
    }
    if let batches { guard try mergeBatches(batches) else { return nil } }
    return (lastSlice, lastBatch)
  }

  private func replace(
    _ run: [MergeShelf.Item], _ transactions: ClosedRange<UInt64>, _ object: Outgoing.Object,
    _ shelf: WritableKeyPath<Upkeep, MergeShelf>
  ) -> Bool {
    let due = Clock.bootSeconds + Self.grace
    upkeep.withLock {
      $0[keyPath: shelf].replace(
        transactions,
        with: MergeShelf.Item(
          transactions: transactions, name: object.name, size: object.bytes.count, bytes: object.bytes))
      $0.replaced += run.map { ($0.name, due) }
      $0.index.notePut()
    }
    return true
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

  private func removeReplaced() throws {
    while !isStopped, !upkeep.withLock({ $0.isEnding }),
      let next = upkeep.withLock({ $0.nextRemoval(at: Clock.bootSeconds) })
    {
      switch next {
      case .learnIndex: try learnIndex()
      case .writeIndex: guard try writeIndex() else { return }
      case .remove(let name):
        try lease.ensure()
        try store.delete(ObjectKey(name))
        upkeep.withLock { upkeep in
          if upkeep.replaced.first?.name == name { upkeep.replaced.removeFirst() }
        }
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
        guard !upkeep.isRunning, upkeep.index.putsOfSession >= IndexState.interval / 2,
          let run = upkeep.slices.tail(least: 8, kept: true)
        else { return nil }
        upkeep.isRunning = true
        return Array(run)
      })
    else { return }
    upkeepQueue.async(group: running) {
      defer { self.upkeep.withLock { $0.isRunning = false } }
      _ = try? self.mergeSlices(run) { object in
        try self.lease.ensure()
        try self.put(ObjectKey(object.name), object.bytes, unlessPresent: true)
        return true
      }
    }
    awaitUpkeep(until: min(end, Clock.monotonicSeconds + 2))
  }

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
      let isDone = self.uploadBase(of: present)
      self.upkeep.withLock {
        $0.isMakingBase = false
        let end = Clock.monotonicSeconds
        $0.nextBase = end + Self.restBetweenBases * (end - start)
        guard isDone else { return }
        $0.bytesSinceBase -= before
      }
    }
  }

  /// What there is to keep up of a generation, with what one that goes on holds already.
  static func upkeep(
    of generation: GenerationID, _ contents: GenerationContents?, base: UInt64, bytesSinceBase: Int?
  ) -> Upkeep {
    var fresh = Upkeep(generation: generation)
    if let contents {
      fresh.base = base
      let chain = contents.chain(after: base)
      let inChain = Set(chain.slices)
      var compressed = 0
      for slice in chain.slices {
        let size = contents.sliceSizes[slice] ?? 0
        compressed += size
        fresh.slices.append(
          MergeShelf.Item(
            transactions: slice.transactions, name: ReplicaLayout.slice(generation, slice), size: size,
            isWhole: slice.parts == 1))
      }
      let batches = contents.longestStatements.filter { $0.upperBound <= chain.end }
      for range in batches where range.upperBound > base {
        fresh.batches.append(
          MergeShelf.Item(
            transactions: range, name: ReplicaLayout.statements(generation, range),
            size: contents.statementSizes[range] ?? 0, isWhole: range.lowerBound > base))
      }
      // The log behind it is not known on another machine.
      fresh.bytesSinceBase = bytesSinceBase ?? 4 * compressed
      fresh.gaps = gaps(in: batches, from: base, to: chain.end)
      let due = Clock.bootSeconds + grace
      let kept = Set(batches)
      for slice in contents.slices
      where !inChain.contains(slice) && slice.transactions.upperBound <= chain.end {
        guard slice.transactions.lowerBound > base else { continue }
        fresh.replaced.append((ReplicaLayout.slice(generation, slice), due))
      }
      for range in contents.statements
      where !kept.contains(range) && range.lowerBound > base && range.upperBound <= chain.end {
        fresh.replaced.append((ReplicaLayout.statements(generation, range), due))
      }
      let age = Double(Clock.wallMicroseconds) / 1e6 - Double(contents.newestChange)
      // Nobody can have begun to read before the last change, which was long ago.
      if age > grace { for index in fresh.replaced.indices { fresh.replaced[index].due = 0 } }
      fresh.index = IndexState(
        presence: .unknown,
        puts: fresh.slices.items.count + fresh.batches.items.count + fresh.replaced.count)
    }
    return fresh
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
  func noteBase(at transaction: UInt64, of generation: GenerationID) {
    upkeep.withLock {
      if $0.generation == generation { $0.count(base: transaction) }
    }
    startUpkeep()
  }
}
