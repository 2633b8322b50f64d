package import ObjectStore
package import ReplicaFormat

/// What the listing of one generation shows.
package struct GenerationContents: Sendable {
  package let generation: GenerationID
  /// Transactions that bases stand at, in order.
  package private(set) var bases: [UInt64] = []
  package private(set) var slices: [SliceName] = []
  package private(set) var statements: [ClosedRange<UInt64>] = []
  /// Whether it has had a base.
  package private(set) var isComplete = false
  package private(set) var byteCount = 0
  package private(set) var objectCount = 0
  /// When the newest object was stored, seconds since 1970 by the store's clock.
  package private(set) var newestChange: Int64 = 0
  /// Lengths in bytes of slices and batches.
  package private(set) var sliceSizes: [SliceName: Int] = [:]
  package private(set) var statementSizes: [ClosedRange<UInt64>: Int] = [:]

  package init(generation: GenerationID) { self.generation = generation }

  /// What an index tells, to which what was stored after it is added.
  package init(_ index: IndexRecord) {
    generation = index.generation
    bases = index.bases.sorted()
    slices = index.slices.map(\.name)
    statements = index.batches.map(\.transactions)
    sliceSizes = Dictionary(index.slices.map { ($0.name, $0.size) }) { first, _ in first }
    statementSizes = Dictionary(index.batches.map { ($0.transactions, $0.size) }) { first, _ in first }
    isBrief = true
  }

  package mutating func add(_ object: ObjectInfo) {
    let key = object.key.name
    byteCount += object.size
    objectCount += 1
    newestChange = max(newestChange, object.modified)
    if key.hasPrefix(ReplicaLayout.slices(generation)), let slice = SliceName(key: key) {
      slices.append(slice)
      sliceSizes[slice] = object.size
    } else if key.hasPrefix(ReplicaLayout.bases(generation)),
      let base = ReplicaLayout.baseTransaction(of: key)
    {
      bases.append(base)
    } else if key.hasPrefix(ReplicaLayout.statements(generation)),
      let range = ReplicaLayout.statementRange(of: key)
    {
      statements.append(range)
      statementSizes[range] = object.size
    } else if key == ReplicaLayout.complete(generation) {
      isComplete = true
    }
  }

  /// The unbroken run of slices that continues `transaction`, part by part in the order to apply them.
  ///
  /// Slices may overlap: a merged one replaces several, and an upload of a writer that was killed may have landed
  /// late. Of all ways on, the one that reaches furthest is taken, and of those the one with the fewest objects.
  package func chain(after transaction: UInt64) -> SliceChain {
    var chain = SliceChain(end: transaction)
    let ways = self.ways
    while let way = ways[chain.end + 1] {
      for part in 1...way.name.parts {
        chain.slices.append(SliceName(way.name.transactions, part: part, parts: way.name.parts))
      }
      chain.end = way.name.transactions.upperBound
    }
    chain.beyond = slices.filter { $0.transactions.upperBound > chain.end }
      .sorted { $0.description < $1.description }
    return chain
  }

  /// How to go on best from each transaction that a slice begins with.
  private var ways: [UInt64: (name: SliceName, end: UInt64, objects: Int)] {
    var ways: [UInt64: (name: SliceName, end: UInt64, objects: Int)] = [:]
    let whole = Dictionary(grouping: slices, by: { SliceName($0.transactions, parts: $0.parts) })
      .filter { name, parts in Set(parts.map(\.part)).count == name.parts }.keys
    for name in whole.sorted(by: { $0.transactions.lowerBound > $1.transactions.lowerBound }) {
      let next = ways[name.transactions.upperBound + 1]
      let end = next?.end ?? name.transactions.upperBound
      let objects = name.parts + (next?.objects ?? 0)
      let first = name.transactions.lowerBound
      if let other = ways[first], (other.end, -other.objects) >= (end, -objects) { continue }
      ways[first] = (name, end, objects)
    }
    return ways
  }

  /// The last transaction that a base and unbroken slices reach; nil where there is no base.
  package var tip: UInt64? {
    bases.last.map { chain(after: $0).end }
  }

  /// The last transaction that unbroken slices reach from any base.
  package var reach: UInt64 { bases.map { chain(after: $0).end }.max() ?? 0 }

  /// Whether slices do not lead from a base to `reach`, while one object holds transactions before and after it.
  package func isBridged(_ base: UInt64, to reach: UInt64) -> Bool {
    slices.contains { $0.transactions.contains(base) && $0.transactions.contains(base + 1) }
      && chain(after: base).end < reach
  }

  /// Whether names of objects were passed over that seemed to be held by larger ones.
  package var isBrief = false

  /// Whether what is known fits together: then what was passed over is not needed.
  package var isConsistent: Bool {
    let batches = longestStatements
    return !bases.contains { !chain(after: $0).beyond.isEmpty }
      && zip(batches, batches.dropFirst()).allSatisfy { $1.lowerBound <= $0.upperBound + 1 }
  }

  /// The last transaction of all slices, or batches, that are known.
  var lastSlice: UInt64 { slices.map(\.transactions.upperBound).max() ?? 0 }
  var lastBatch: UInt64 { statements.map(\.upperBound).max() ?? 0 }

  /// Batches in order, without those that a longer one replaces.
  package var longestStatements: [ClosedRange<UInt64>] {
    var kept: [ClosedRange<UInt64>] = []
    let sorted = statements.sorted {
      ($0.lowerBound, $1.upperBound) < ($1.lowerBound, $0.upperBound)
    }
    for range in sorted where kept.last.map({ range.upperBound > $0.upperBound }) ?? true {
      kept.append(range)
    }
    return kept
  }

  /// The first transaction after which statement batches reach to `transaction` without a gap.
  package func statementsReach(backFrom transaction: UInt64) -> UInt64 {
    var reach = transaction
    let byEnd = Dictionary(grouping: statements, by: \.upperBound)
    // A batch may end past the target.
    if let over = statements.filter({ $0.contains(transaction) }).map(\.lowerBound).min() { reach = over - 1 }
    while let first = byEnd[reach]?.map(\.lowerBound).min(), reach > 0 { reach = first - 1 }
    return reach
  }
}

/// Slices without a gap.
package struct SliceChain: Sendable {
  package var slices: [SliceName] = []
  /// Last transaction the slices reach.
  package var end: UInt64
  /// Objects that lie after a gap.
  package var beyond: [SliceName] = []
}
