package import ObjectStore
package import ReplicaFormat

/// The generations of a replica and what they hold, from as few listings as it takes.
///
/// A page of a listing that reaches into a generation tells only of those before it; the rest of that one is listed
/// when it is asked for.
package struct ReplicaIndex: Sendable {
  private let catalog: ReplicaCatalog
  /// In order, oldest first.
  package private(set) var generations: [GenerationID] = []
  private var whole: [GenerationID: GenerationContents] = [:]

  package init(_ catalog: ReplicaCatalog) throws(ObjectStoreError) {
    self.catalog = catalog
    var partial: Set<GenerationID> = []
    try list { _, last in
      guard let cut = ReplicaLayout.generation(of: last) else { return last }
      partial.insert(cut)
      return ReplicaLayout.end(of: cut)
    }
    for generation in partial { whole[generation] = nil }
  }

  /// For a restore: passes over most slices and batches that a larger one holds too.
  ///
  /// So a long run of small objects that were merged a moment ago takes a few listings.
  package init(brief catalog: ReplicaCatalog) throws(ObjectStoreError) {
    self.catalog = catalog
    try list(Self.passOver)
    // Where an object begins before the end of a larger one and ends after it, it was passed over.
    for (generation, contents) in whole where contents.isBrief && !contents.isConsistent {
      whole[generation] = nil
    }
  }

  /// The newest generation from what an index names, and what was stored after it: two listings, whatever is there.
  ///
  /// Nil where that does not fit together, and listings have to tell.
  package init?(_ catalog: ReplicaCatalog, following record: IndexRecord) throws(ObjectStoreError) {
    self.catalog = catalog
    let generation = record.generation
    whole[generation] = GenerationContents(record)
    // Where no batch is named, nothing is known of any.
    try list(
      after: ReplicaLayout.statements(generation)
        + (record.batches.map(\.transactions.upperBound).max().map(ReplicaLayout.afterTransaction) ?? ""),
      Self.passOver)
    guard !whole.values.contains(where: { $0.isBrief && !$0.isConsistent }), let newest = generations.last,
      whole[newest]?.bases.isEmpty == false
    else { return nil }
  }

  /// Where to go on listing so that names of objects are passed over which a larger one holds.
  private static func passOver(_ whole: inout [GenerationID: GenerationContents], _ last: String) -> String {
    guard let generation = ReplicaLayout.generation(of: last), let known = whole[generation],
      let next = afterKnown(known, last), next > last
    else { return last }
    whole[generation]?.isBrief = true
    return next
  }

  /// The name before which everything of the folder of `last` is known; nil where it is another folder.
  private static func afterKnown(_ contents: GenerationContents, _ last: String) -> String? {
    let slices = ReplicaLayout.slices(contents.generation)
    let batches = ReplicaLayout.statements(contents.generation)
    if last.hasPrefix(slices) { return slices + ReplicaLayout.afterTransaction(contents.lastSlice) }
    if last.hasPrefix(batches) { return batches + ReplicaLayout.afterTransaction(contents.lastBatch) }
    return nil
  }

  /// Lists page by page, from a name on; `next` tells after which name to go on, given the last one of a page.
  private mutating func list(
    after start: String? = nil, _ next: (inout [GenerationID: GenerationContents], _ last: String) -> String
  ) throws(ObjectStoreError) {
    var after = start
    while true {
      let page = try catalog.store.list(prefix: ReplicaLayout.generations, after: after, limit: 1000)
      for object in page.objects {
        guard let generation = ReplicaLayout.generation(of: object.key.name) else { continue }
        whole[generation, default: GenerationContents(generation: generation)].add(object)
      }
      guard page.isTruncated, let last = page.objects.last?.key.name else { break }
      after = next(&whole, last)
    }
    generations = whole.keys.sorted()
  }

  /// Everything that a generation holds.
  package mutating func contents(of generation: GenerationID) throws(ObjectStoreError) -> GenerationContents {
    if let known = whole[generation] { return known }
    let listed = try catalog.contents(of: generation)
    whole[generation] = listed
    return listed
  }
}
