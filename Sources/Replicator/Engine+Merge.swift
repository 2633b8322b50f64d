import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// What the mirror does beside following the log, to keep history short to restore and bounded.
struct Upkeep {
  /// An object that a merged one has replaced.
  struct Replaced {
    let name: String
    let last: UInt64
    /// When it may go.
    let due: Double
  }

  var slices = MergeShelf()
  var batches = MergeShelf()
  var isRunning = false
  var isEnding = false
  /// Objects that a merged one has replaced, and when they may go (`Clock.bootSeconds`): a restore that was planned
  /// before may still read them.
  var replaced: [Replaced] = []
  /// Bytes of log in the replica since the last base, and whether a base is on its way.
  var bytesSinceBase = 0
  var isMakingBase = false
  /// When the next base may begin; monotonic seconds.
  var nextBase = -Double.infinity
  /// Transactions of which no statements are in the replica.
  var gaps: [ClosedRange<UInt64>] = []
  /// The generation, and the base that counts in it; nil before there is one.
  var generation: GenerationID?
  var base: BaseName?
  /// Whether it is known what the generation held before this session; if not, so many objects are not merged.
  var isKnown = true
  var unknownObjects = 0
  /// Objects stored in this session.
  var puts = 0

  /// Objects of the log that are not merged, for the next session.
  var unmerged: Int { unknownObjects + slices.items.count }

  /// Whether it is worth a look what the generation held before the session.
  var isLookDue: Bool { !isKnown && unmerged > MergeShelf.fanOut }

  /// The next object to delete; nil if none may go yet.
  ///
  /// The entry at the tip stays until a later one is stored.
  func nextRemoval(at now: Double, stored: UInt64) -> String? {
    replaced.first.flatMap { $0.due <= now && $0.last < stored ? $0.name : nil }
  }

  /// Of a base that counts, what lies before it need not be merged any more.
  mutating func count(base new: BaseName) {
    slices.drop(through: new.transaction)
    batches.drop(through: new.transaction)
    base = max(base ?? new, new)
    // What lies before it need not be known any more.
    isKnown = true
    unknownObjects = 0
  }
}

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
      let fresh = Self.upkeep(
        of: generation, contents, base, contents.chain(after: base),
        upTo: known?.transactions.lowerBound ?? last + 1)
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

  /// What there is to keep up of a generation that goes on.
  static func upkeep(
    of generation: GenerationID, _ found: ChainTip.Found?, _ record: PositionRecord?
  ) -> Upkeep {
    guard let found, let contents = found.contents, let base = found.base, let chain = found.chain else {
      var unknown = Upkeep(generation: generation)
      unknown.isKnown = false
      unknown.unknownObjects = record?.unmerged ?? 0
      unknown.bytesSinceBase = record?.bytesSinceBase ?? 0
      return unknown
    }
    var fresh = upkeep(of: generation, contents, base, chain, upTo: chain.end + 1)
    // The log behind it is not known on another machine.
    let compressed = chain.objects.reduce(0) { $0 + $1.size }
    fresh.bytesSinceBase = record?.bytesSinceBase ?? 4 * compressed
    return fresh
  }

  /// The same for what lies before a transaction.
  private static func upkeep(
    of generation: GenerationID, _ contents: GenerationContents, _ base: BaseName, _ chain: Chain,
    upTo end: UInt64
  ) -> Upkeep {
    var fresh = Upkeep(generation: generation)
    fresh.base = base
    let objects = chain.objects.filter { $0.transactions.upperBound < end }
    let last = objects.last?.transactions.upperBound ?? base.transaction
    for object in objects {
      fresh.slices.append(
        MergeShelf.Item(
          transactions: object.transactions, name: object.key, id: object.id, size: object.size,
          isWhole: !object.isPart))
    }
    let names = contents.longestBatches.filter { $0.transactions.upperBound <= last }
    for name in names where name.transactions.upperBound > base.transaction {
      fresh.batches.append(
        MergeShelf.Item(
          transactions: name.transactions, name: name.key(in: generation), id: name.id,
          size: contents.batches[name] ?? 0, isWhole: name.transactions.lowerBound > base.transaction))
    }
    fresh.gaps = gaps(in: names.map(\.transactions), from: base.transaction, to: last)
    // Nobody can have begun to read before the last change, if that was long ago.
    let age = Double(Clock.wallMicroseconds) / 1e6 - Double(contents.newestChange)
    fresh.replaced = replaced(
      in: contents, besides: Set(objects.map(\.key) + names.map { $0.key(in: generation) }),
      after: base.transaction, upTo: last, due: age > grace ? 0 : Clock.bootSeconds + grace)
    return fresh
  }

  /// Objects whose transactions larger ones hold.
  ///
  /// Turns and seals never go.
  private static func replaced(
    in contents: GenerationContents, besides kept: Set<String>, after base: UInt64, upTo last: UInt64,
    due: Double
  ) -> [Upkeep.Replaced] {
    var found: [Upkeep.Replaced] = []
    for name in contents.merged.keys where name.transactions.upperBound <= last {
      found.append(
        Upkeep.Replaced(name: name.key(in: contents.generation), last: name.transactions.upperBound, due: due)
      )
    }
    for name in contents.batches.keys
    where name.transactions.lowerBound > base && name.transactions.upperBound <= last {
      found.append(
        Upkeep.Replaced(name: name.key(in: contents.generation), last: name.transactions.upperBound, due: due)
      )
    }
    for (place, entry) in contents.entries where place.transaction > base {
      guard case .slice(let header, _) = entry, header.entry.lastTransaction <= last,
        contents.merged.keys.contains(where: { $0.transactions.contains(place.transaction) })
      else { continue }
      found.append(Upkeep.Replaced(name: place.key, last: header.entry.lastTransaction, due: due))
    }
    return found.filter { !kept.contains($0.name) }.sorted { ($0.last, $0.name) < ($1.last, $1.name) }
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
