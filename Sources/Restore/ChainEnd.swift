import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Finds times and transactions in an unbroken run of slices without applying it.
package struct ChainEnd {
  let source: ObjectSource
  let generation: GenerationID
  let base: BaseManifest
  let chain: Chain

  package init(source: ObjectSource, generation: GenerationID, base: BaseManifest, chain: Chain) {
    self.source = source
    self.generation = generation
    self.base = base
    self.chain = chain
  }

  /// A transaction, its time in microseconds since 1970, and the database after it.
  package struct Moment: Sendable {
    package let transaction: UInt64
    package let time: Int64
    package let state: DatabaseState
  }

  private var start: Moment { Moment(transaction: base.transaction, time: base.time, state: base.state) }

  /// Returns the time of a transaction of the run.
  package func moment(of transaction: UInt64) throws -> Moment {
    guard transaction > base.transaction,
      let object = chain.objects.first(where: { $0.isLast && $0.transactions.contains(transaction) })
    else { return start }
    let commits = try commits(of: object)
    let index = Int(transaction - object.transactions.lowerBound)
    guard index < commits.count else { throw FormatError(object.key, "it lacks transaction \(transaction)") }
    return Moment(transaction: transaction, time: commits[index].time, state: commits[index].state)
  }

  /// Returns the last transaction at or before a time.
  ///
  /// It searches by halves, so it makes about as many requests as the number of slices has binary
  /// digits.
  package func last(notAfter time: Int64) throws -> Moment {
    let ends = chain.objects.filter(\.isLast)
    var (low, high) = (0, ends.count)
    var found = start
    while low < high {
      let middle = (low + high) / 2
      let commits = try commits(of: ends[middle])
      guard let first = commits.first, first.time <= time else {
        high = middle
        continue
      }
      let index = (commits.firstIndex { $0.time > time } ?? commits.count) - 1
      found = Moment(
        transaction: ends[middle].transactions.lowerBound + UInt64(index), time: commits[index].time,
        state: commits[index].state)
      if index < commits.count - 1 { return found }
      low = middle + 1
    }
    return found
  }

  private func commits(of object: ChainObject) throws -> [SliceCommit] {
    // The caller that applies the object needs it too.
    if let known = source.catalog.entry(object.key),
      let commits = try? SliceReader(known, as: object, of: generation).commits
    {
      return commits
    }
    return try source.read(object.key) { try SliceReader($0, as: object, of: generation).commits }
  }
}
