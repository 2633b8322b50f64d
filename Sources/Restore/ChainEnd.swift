import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Looks up moments in an unbroken run of slices without applying it.
package struct ChainEnd {
  let source: ObjectSource
  let contents: GenerationContents
  let base: BaseManifest
  let chain: SliceChain

  package init(source: ObjectSource, contents: GenerationContents, base: BaseManifest, chain: SliceChain) {
    self.source = source
    self.contents = contents
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

  /// When a transaction of the run was.
  package func moment(of transaction: UInt64) throws -> Moment {
    guard transaction > base.transaction,
      let name = chain.slices.first(where: { $0.part == $0.parts && $0.transactions.contains(transaction) })
    else { return start }
    let commits = try commits(of: name)
    let index = Int(transaction - name.transactions.lowerBound)
    guard index < commits.count else { throw FormatError(key(name), "it lacks transaction \(transaction)") }
    return Moment(transaction: transaction, time: commits[index].time, state: commits[index].state)
  }

  /// The last transaction at or before a time, in about as many requests as the number of slices has binary digits.
  package func last(notAfter time: Int64) throws -> Moment {
    let ends = chain.slices.filter { $0.part == $0.parts }
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

  private func key(_ name: SliceName) -> String { ReplicaLayout.slice(contents.generation, name) }

  private func commits(of name: SliceName) throws -> [SliceCommit] {
    try source.read(key(name)) { bytes in
      let slice = try SliceReader(bytes, object: key(name))
      try slice.header.require(contents.generation, name, object: key(name))
      return slice.commits
    }
  }
}

extension ObjectSource {
  /// Size of the database in pages after a transaction of several parts, which the last of them tells.
  func pages(after part: SliceName, of generation: GenerationID) throws -> UInt32 {
    let name = SliceName(part.transactions, part: part.parts, parts: part.parts)
    let object = ReplicaLayout.slice(generation, name)
    return try read(object) { bytes in
      let slice = try SliceReader(bytes, object: object)
      try slice.header.require(generation, name, object: object)
      return slice.commits.last?.state.pages ?? 0
    }
  }
}

extension SliceHeader {
  /// Throws where the header is not that of the object that has this name.
  func require(_ generation: GenerationID, _ name: SliceName, object: String) throws {
    guard self.generation == generation, self.name == name else {
      throw FormatError(object, "its header does not fit its name")
    }
    let commits = part == parts ? Int(clamping: transactions.upperBound - transactions.lowerBound) + 1 : 0
    guard commitCount == commits else { throw FormatError(object, "its header does not fit its name") }
  }
}
