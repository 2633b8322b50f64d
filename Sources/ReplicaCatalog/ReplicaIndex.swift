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

  /// Everything that a generation holds.
  package mutating func contents(of generation: GenerationID) throws(ObjectStoreError) -> GenerationContents {
    if let known = whole[generation] { return known }
    let listed = try catalog.contents(of: generation)
    whole[generation] = listed
    return listed
  }
}
