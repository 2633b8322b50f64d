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
    var after: String?
    while true {
      let page = try catalog.store.list(prefix: ReplicaLayout.generations, after: after, limit: 1000)
      for object in page.objects {
        guard let generation = ReplicaLayout.generation(of: object.key.name) else { continue }
        whole[generation, default: GenerationContents(generation: generation)].add(object)
      }
      generations = whole.keys.sorted()
      guard page.isTruncated, let last = page.objects.last?.key.name else { break }
      guard let cut = ReplicaLayout.generation(of: last) else {
        after = last
        continue
      }
      partial.insert(cut)
      after = ReplicaLayout.end(of: cut)
    }
    for generation in partial { whole[generation] = nil }
  }

  private var partial: Set<GenerationID> = []

  /// For a restore: passes over most slices and batches that a larger one holds too.
  ///
  /// So a long run of small objects that were merged a moment ago takes a few listings.
  package init(brief catalog: ReplicaCatalog) throws(ObjectStoreError) {
    self.catalog = catalog
    var after: String?
    while true {
      let page = try catalog.store.list(prefix: ReplicaLayout.generations, after: after, limit: 1000)
      for object in page.objects {
        guard let generation = ReplicaLayout.generation(of: object.key.name) else { continue }
        whole[generation, default: GenerationContents(generation: generation)].add(object)
      }
      guard page.isTruncated, let last = page.objects.last?.key.name else { break }
      after = last
      guard let generation = ReplicaLayout.generation(of: last), let known = whole[generation] else {
        continue
      }
      let slices = ReplicaLayout.slices(generation)
      let batches = ReplicaLayout.statements(generation)
      let next: String? =
        if last.hasPrefix(slices) {
          slices + ReplicaLayout.afterTransaction(known.lastSlice)
        } else if last.hasPrefix(batches) {
          batches + ReplicaLayout.afterTransaction(known.lastBatch)
        } else {
          nil
        }
      if let next, next > last {
        after = next
        whole[generation]?.isBrief = true
      }
    }
    generations = whole.keys.sorted()
    // Where an object begins before the end of a larger one and ends after it, it was passed over.
    for (generation, contents) in whole where contents.isBrief && !contents.isConsistent {
      whole[generation] = nil
    }
  }

  /// Everything that a generation holds.
  package mutating func contents(of generation: GenerationID) throws(ObjectStoreError) -> GenerationContents {
    if let known = whole[generation] { return known }
    let listed = try catalog.contents(of: generation)
    whole[generation] = listed
    return listed
  }
}
