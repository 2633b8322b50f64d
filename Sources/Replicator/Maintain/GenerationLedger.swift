import Files
import ReplicaCatalog
import ReplicaFormat

/// The work that keeps history short to restore and bounded.
struct Maintenance: Sendable {
  /// An object that a merged one has replaced.
  struct Replaced {
    let name: String
    let last: UInt64
    /// The time of its deletion, in seconds of `Clock.bootSeconds`.
    let due: Double
  }

  var slices = CompactionPolicy()
  var batches = CompactionPolicy()
  var isRunning = false
  var isEnding = false
  /// Objects that merged ones replaced, with the times of their deletion.
  ///
  /// A restore with an older plan may read them until then.
  var replaced: [Replaced] = []
  /// Bytes of log in the replica since the last base, and whether a base is being uploaded.
  var bytesSinceBase = 0
  var isMakingBase = false
  /// The earliest time of the next base; monotonic seconds.
  var nextBase = -Double.infinity
  /// Transactions without statements in the replica.
  var gaps: [ClosedRange<UInt64>] = []
  /// The generation and its counting base; nil before there is one.
  var generation: GenerationID?
  var base: BaseName?
  /// Whether the objects from before this session are known; if not, they are not merged.
  var isKnown = true
  var unknownObjects = 0
  /// Whether some transactions before the session have no statements.
  var hasGap = false
  /// Objects stored in this session.
  var puts = 0

  /// The number of unmerged objects of the log, for the next session.
  var unmerged: Int { unknownObjects + slices.items.count }

  /// Whether statements of earlier transactions are missing, or may be.
  var mayHaveGap: Bool { !gaps.isEmpty || hasGap && !isKnown }

  /// Returns whether a listing of the objects from before the session is due.
  func isLookDue(merges: Bool) -> Bool {
    !isKnown && (hasGap || merges && unmerged > CompactionPolicy.fanOut)
  }

  /// Returns the next object to delete; nil if none is due.
  ///
  /// The entry at the tip stays until a later one is stored.
  func nextRemoval(at now: Double, stored: UInt64) -> String? {
    replaced.first.flatMap { $0.due <= now && $0.last < stored ? $0.name : nil }
  }

  /// Counts a base: objects before it need no merge any more.
  mutating func count(base new: BaseName) {
    slices.drop(through: new.transaction)
    batches.drop(through: new.transaction)
    base = max(base ?? new, new)
    // Objects before the base need not be known any more.
    isKnown = true
    unknownObjects = 0
  }
}

/// Holds one copy of the open generation's pending work, for all jobs: merges, gaps and deletions.
///
/// May be used on any thread.
final class GenerationLedger: Sendable {
  private let state = OrderedLock(.maintenance, Maintenance())

  func withLock<Result: Sendable, Failure: Error>(
    _ body: (inout Maintenance) throws(Failure) -> Result
  ) throws(Failure) -> Result { try state.withLock(body) }

  /// Notes a stored slice of the open generation; does nothing for another generation.
  func note(slice entry: PendingUpload) {
    guard let range = entry.transactions else { return }
    withLock {
      guard $0.generation == entry.generation else { return }
      $0.slices.append(
        CompactionPolicy.Item(
          transactions: range, name: entry.place.key, id: entry.id, size: entry.bytes.count,
          bytes: entry.bytes, isWhole: !entry.isPart))
      $0.bytesSinceBase += entry.logBytes
      $0.puts += 1
    }
  }

  /// Notes a stored batch of the open generation; does nothing for another generation.
  func note(batch: PendingUpload.Batch) {
    withLock {
      guard $0.generation == batch.generation else { return }
      $0.batches.append(
        CompactionPolicy.Item(
          transactions: batch.name.transactions, name: batch.object.name, id: batch.name.id,
          size: batch.bytes.count, bytes: batch.bytes))
      $0.puts += 1
    }
  }

  /// Notes a base that counts.
  func note(base: BaseName, of generation: GenerationID) {
    withLock { if $0.generation == generation { $0.count(base: base) } }
  }

  /// Begins with the first generation, or changes to another one.
  func begin(_ fresh: Maintenance) {
    withLock { old in
      var fresh = fresh
      fresh.isRunning = old.isRunning
      fresh.isMakingBase = old.isMakingBase
      fresh.isEnding = old.isEnding
      old = fresh
    }
  }
}

extension Maintenance {
  /// Returns the pending work of a continued generation.
  ///
  /// The objects from before the session are listed later, when there is work
  /// (`Maintenance.isLookDue`).
  static func of(
    _ generation: GenerationID, _ found: ChainTip.Found?, _ record: PositionRecord?
  ) -> Maintenance {
    var unknown = Maintenance(generation: generation)
    unknown.isKnown = false
    unknown.unknownObjects = record?.unmerged ?? 0
    unknown.bytesSinceBase = record?.bytesSinceBase ?? 0
    unknown.hasGap = record.map { $0.statements ?? $0.transaction < $0.transaction } ?? false
    guard let contents = found?.contents, let base = found?.base, let chain = found?.chain else {
      return unknown
    }
    unknown.base = base
    unknown.unknownObjects = chain.objects.count
    unknown.hasGap = contents.batchesReach(from: base.transaction) < chain.end
    // On another machine, the amount of log since the base is not known.
    if record?.bytesSinceBase == nil { unknown.bytesSinceBase = 4 * chain.objects.reduce(0) { $0 + $1.size } }
    return unknown
  }

  /// Returns the objects of a generation before a transaction, from a complete listing.
  static func of(_ contents: GenerationContents, _ base: BaseName, upTo end: UInt64) -> Maintenance {
    let generation = contents.generation
    var fresh = Maintenance(generation: generation)
    fresh.base = base
    let objects = contents.chain(after: base).objects.filter { $0.transactions.upperBound < end }
    let last = objects.last?.transactions.upperBound ?? base.transaction
    for object in objects {
      fresh.slices.append(
        CompactionPolicy.Item(
          transactions: object.transactions, name: object.key, id: object.id, size: object.size,
          isWhole: !object.isPart))
    }
    let names = contents.longestBatches.filter { $0.transactions.upperBound <= last }
    for name in names where name.transactions.upperBound > base.transaction {
      fresh.batches.append(
        CompactionPolicy.Item(
          transactions: name.transactions, name: name.key(in: generation), id: name.id,
          size: contents.batches[name] ?? 0, isWhole: name.transactions.lowerBound > base.transaction))
    }
    fresh.gaps = GapFiller.gaps(in: names.map(\.transactions), from: base.transaction, to: last)
    let merged = objects.filter(\.isMerged).map { ($0.transactions, $0.key) }
    let batches = names.map { ($0.transactions, $0.key(in: generation)) }
    fresh.replaced =
      (replacedSlices(contents, by: merged, after: base.transaction)
      + replacedBatches(contents, by: batches, after: base.transaction))
      .sorted { ($0.last, $0.name) < ($1.last, $1.name) }
    return fresh
  }

  private typealias Kept = (transactions: ClosedRange<UInt64>, key: String)

  /// Returns slices and merged objects whose transactions merged objects of the chain hold.
  ///
  /// Turns and seals are never deleted.
  private static func replacedSlices(
    _ contents: GenerationContents, by kept: [Kept], after base: UInt64
  ) -> [Maintenance.Replaced] {
    let slots = contents.entries.compactMap { place, entry -> Kept? in
      guard case .slice(let header, _) = entry, place.transaction > base else { return nil }
      return (place.transaction...header.entry.lastTransaction, place.key)
    }
    let merged = contents.merged.keys.map { ($0.transactions, $0.key(in: contents.generation)) }
    return replaced(slots + merged, by: kept, contents)
  }

  private static func replacedBatches(
    _ contents: GenerationContents, by kept: [Kept], after base: UInt64
  ) -> [Maintenance.Replaced] {
    let all = contents.batches.keys.filter { $0.transactions.lowerBound > base }
    return replaced(all.map { ($0.transactions, $0.key(in: contents.generation)) }, by: kept, contents)
  }

  /// Returns the objects whose transactions other objects hold.
  ///
  /// After the grace period, no reader needs them: it began after the others were stored.
  private static func replaced(
    _ objects: [Kept], by kept: [Kept], _ contents: GenerationContents
  ) -> [Maintenance.Replaced] {
    let now = Double(Clock.wallMicroseconds) / 1e6
    return objects.compactMap { object in
      let cover = kept.first {
        $0.key != object.key && $0.transactions.lowerBound <= object.transactions.lowerBound
          && $0.transactions.upperBound >= object.transactions.upperBound
      }
      guard let cover, !kept.contains(where: { $0.key == object.key }) else { return nil }
      let age = now - Double(contents.modified[cover.key] ?? .max)
      return Maintenance.Replaced(
        name: object.key, last: object.transactions.upperBound,
        due: age > Compactor.grace ? 0 : Clock.bootSeconds + min(Compactor.grace, Compactor.grace - age))
    }
  }
}
