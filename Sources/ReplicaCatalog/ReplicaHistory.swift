import ObjectStore
package import ReplicaFormat

/// The generations of a replica's chain, and the listings of those that were read.
///
/// The chain begins with the newest mark's generation and continues over seals without a mark.
/// Generations that no mark and no seal of the chain names are orphans: nothing in them was ever
/// stored.
package struct ReplicaHistory: Sendable {
  package let catalog: ReplicaCatalog
  /// The newest number that has a mark; nil if the replica holds nothing.
  package let newestMark: UInt32?
  /// Known generations by number.
  private var generations: [UInt32: Generation] = [:]

  /// A generation of the chain.
  package struct Generation: Sendable {
    package let id: GenerationID
    /// Its first base.
    package let base: BaseName
    /// The seal that names it; nil in the first generation.
    package let seal: Place?
    /// Its listing, if it was listed.
    fileprivate var contents: GenerationContents?
    package let isMarked: Bool
  }

  /// Lists the marks.
  ///
  /// Throws `.earlierForm` if there is no mark, but a replica of a build before the first release.
  package init(_ catalog: ReplicaCatalog) throws {
    self.catalog = catalog
    newestMark = try catalog.store.listAll(prefix: ReplicaLayout.chain)
      .compactMap { ReplicaLayout.markedSequence(of: $0.key.name) }.max()
    if newestMark == nil { try Self.refuseEarlierForm(catalog.store) }
  }

  private static func refuseEarlierForm(_ store: any ObjectStore) throws {
    let page = try store.list(prefix: ReplicaLayout.generations, after: nil, limit: 100)
    guard page.objects.contains(where: { ReplicaLayout.isOfEarlierForm($0.key.name) }) else { return }
    throw FormatError(
      store.url,
      "it was made by a build before the first release, which is not read any more: use another prefix")
  }

  /// The end of the chain.
  package struct End: Sendable {
    package let generation: Generation
    package let contents: GenerationContents
    /// The newest base, and the chain after it.
    package let base: BaseName
    package let chain: Chain
    /// Missing marks: generations that a seal names.
    package let unmarked: [MarkRecord]
  }

  /// Reads the chain to its end; nil if the replica holds nothing.
  ///
  /// Throws a `FormatError` with `isMissing` if the base of the newest generation is gone.
  package mutating func end(batches: Bool = false) throws -> End? {
    guard let newestMark else { return nil }
    guard var generation = try generation(newestMark) else {
      throw FormatError(
        ReplicaLayout.mark(newestMark), "it is missing from \(catalog.store.url)", isMissing: true)
    }
    var unmarked: [MarkRecord] = []
    while true {
      let contents = try catalog.contents(of: generation.id, .newest(batches: batches))
      guard let base = contents.bases.last else {
        throw FormatError(
          generation.base.key(in: generation.id), "it is missing from \(catalog.store.url)", isMissing: true)
      }
      let chain = contents.chain(after: base)
      guard let seal = chain.seal, let successor = seal.successor else {
        return End(generation: generation, contents: contents, base: base, chain: chain, unmarked: unmarked)
      }
      generation = Generation(
        id: successor.generation, base: successor.base(seal: seal.id), seal: seal.place, contents: nil,
        isMarked: false)
      generations[generation.id.sequence] = generation
      unmarked.append(MarkRecord(generation: generation.id, base: generation.base, seal: seal.place))
    }
  }

  /// Returns the generation of the chain with a number; nil if there is none.
  package mutating func generation(_ sequence: UInt32) throws -> Generation? {
    if let known = generations[sequence] { return known }
    guard let mark = try catalog.mark(sequence) else { return nil }
    let found = Generation(
      id: mark.generation, base: mark.base, seal: mark.seal, contents: nil, isMarked: true)
    generations[sequence] = found
    return found
  }

  /// Returns the complete listing of a generation.
  package mutating func contents(of generation: Generation) throws -> GenerationContents {
    if let known = generations[generation.id.sequence]?.contents { return known }
    let listed = try catalog.contents(of: generation.id)
    generations[generation.id.sequence]?.contents = listed
    return listed
  }

  /// Returns all generations of the chain, the oldest first, from marks if they are complete.
  ///
  /// A generation that only a seal names has a folder; only then the chain itself is read.
  package mutating func marked() throws -> [Generation] {
    guard let newestMark, let last = try generation(newestMark) else { return try all() }
    let next = try catalog.store.list(
      prefix: ReplicaLayout.generations, after: ReplicaLayout.end(of: last.id), limit: 1)
    return next.objects.isEmpty ? try marks() : try all()
  }

  /// Returns the generations that have marks, the oldest first.
  package mutating func marks() throws -> [Generation] {
    guard let newestMark else { return [] }
    return try (1...newestMark).compactMap { try generation($0) }
  }

  /// Returns all generations of the chain, the oldest first.
  ///
  /// Generations whose bases retention has removed are included.
  package mutating func all() throws -> [Generation] {
    guard let end = try end() else { return [] }
    var found: [Generation] = []
    for sequence in 1...end.generation.id.sequence {
      if let generation = try generation(sequence) { found.append(generation) }
    }
    return found
  }
}
