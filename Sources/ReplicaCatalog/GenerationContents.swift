package import ObjectStore
package import ReplicaFormat

/// The listings of one generation, and the content of its log's slots.
package struct GenerationContents: Sendable {
  package let generation: GenerationID
  /// In order.
  package private(set) var bases: [BaseName] = []
  /// Entries of the log by place, with their lengths in bytes.
  package private(set) var slots: [Place: Int] = [:]
  package private(set) var merged: [MergedName: Int] = [:]
  package private(set) var batches: [BatchName: Int] = [:]
  /// The content of slots that were read.
  package private(set) var entries: [Place: LogEntry] = [:]
  /// When merged objects and batches were stored, seconds since 1970 by the store's clock, by their
  /// keys.
  package private(set) var modified: [String: Int64] = [:]
  package private(set) var hasRecord = false
  package private(set) var byteCount = 0
  package private(set) var objectCount = 0
  /// When the newest object was stored, seconds since 1970 by the store's clock.
  package private(set) var newestChange: Int64 = 0
  /// Whether it has objects of an earlier format of the replica.
  package private(set) var isOfEarlierForm = false

  package init(generation: GenerationID) { self.generation = generation }

  package mutating func add(_ object: ObjectInfo) {
    let key = object.key.name
    byteCount += object.size
    objectCount += 1
    newestChange = max(newestChange, object.modified)
    if key.hasPrefix(ReplicaLayout.slots(generation)), let place = Place(key: key) {
      slots[place] = object.size
    } else if key.hasPrefix(ReplicaLayout.merged(generation)), let name = MergedName(key: key) {
      merged[name] = object.size
      modified[key] = object.modified
    } else if key.hasPrefix(ReplicaLayout.bases(generation)), let base = BaseName(key: key) {
      bases.append(base)
      bases.sort()
    } else if key.hasPrefix(ReplicaLayout.statements(generation)), let name = BatchName(key: key) {
      batches[name] = object.size
      modified[key] = object.modified
    } else if key == ReplicaLayout.record(generation) {
      hasRecord = true
    } else if ReplicaLayout.isOfEarlierForm(key) {
      isOfEarlierForm = true
    }
  }

  /// Notes the content of a slot.
  package mutating func note(_ entry: LogEntry, at place: Place) { entries[place] = entry }

  /// Takes over the content of slots from an earlier listing: a slot never changes.
  package mutating func adoptEntries(of other: GenerationContents) {
    for (place, entry) in other.entries where slots[place] != nil && entries[place] == nil {
      entries[place] = entry
    }
  }

  /// Returns the slots to read.
  func unread(_ scope: ReplicaCatalog.Scope) -> [Place] {
    switch scope {
    case .everything: slots.keys.filter { entries[$0] == nil }
    case .all: unread(after: 0)
    case .newest: unread(after: bases.last?.transaction ?? 0)
    case .batches: []
    }
  }

  /// Slots with unknown content that the chain after a transaction may need.
  package func unread(after transaction: UInt64) -> [Place] {
    let covers = Covers(merged.keys)
    return slots.keys.filter {
      $0.transaction > transaction && entries[$0] == nil && covers.name(of: $0.transaction) == nil
    }
  }

  /// Batches in order, without those that a longer one replaces.
  package var longestBatches: [BatchName] {
    var kept: [BatchName] = []
    let sorted = batches.keys.sorted {
      ($0.transactions.lowerBound, $1.transactions.upperBound, $0.id.value)
        < ($1.transactions.lowerBound, $0.transactions.upperBound, $1.id.value)
    }
    for name in sorted
    where kept.last.map({ name.transactions.upperBound > $0.transactions.upperBound }) ?? true {
      kept.append(name)
    }
    return kept
  }

  /// Returns the last transaction that batches reach without a gap after a transaction.
  package func batchesReach(from transaction: UInt64) -> UInt64 {
    var reach = transaction
    for name in longestBatches where name.transactions.upperBound > reach {
      guard name.transactions.lowerBound <= reach + 1 else { break }
      reach = name.transactions.upperBound
    }
    return reach
  }

  /// Returns the first transaction after which batches reach to `transaction` without a gap.
  package func batchesReach(backFrom transaction: UInt64) -> UInt64 {
    var reach = transaction
    let byEnd = Dictionary(grouping: batches.keys.map(\.transactions), by: \.upperBound)
    // A batch may end past the target.
    let over = batches.keys.map(\.transactions).filter { $0.contains(transaction) }
    if let first = over.map(\.lowerBound).min() { reach = first - 1 }
    while reach > 0, let first = byEnd[reach]?.map(\.lowerBound).min() { reach = first - 1 }
    return reach
  }

  /// Ranges of transactions that can be restored, in order: each begins with a base and ends with
  /// its chain.
  ///
  /// There is more than one if history between them was removed.
  package var restorable: [(base: BaseName, chain: Chain)] {
    var runs: [(base: BaseName, chain: Chain)] = []
    for base in bases {
      if let last = runs.last, last.chain.end >= base.transaction { continue }
      runs.append((base, chain(after: base)))
    }
    return runs
  }

  /// The highest transaction number of any object.
  package var lastNumber: UInt64 {
    max(
      slots.keys.lazy.map(\.transaction).max().map { $0 - 1 } ?? 0,
      entries.values.lazy.map {
        if case .slice(let header, _) = $0 { header.entry.lastTransaction } else { 0 }
      }
      .max() ?? 0,
      merged.keys.lazy.map(\.transactions.upperBound).max() ?? 0, bases.last?.transaction ?? 0)
  }
}
