import Files
package import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Which objects of a replica nobody needs who restores a moment after `cutoff`.
///
/// The newest state that can be restored is never among them, nor anything a base needs that is kept. Age is that of an object
/// in the store, by the store's clock: what the clocks of those say who wrote it has no part in it.
package struct Retention: Sendable {
  /// Objects in the order to delete them: what makes others count goes first.
  package private(set) var objects: [ObjectInfo] = []
  package private(set) var generations: [GenerationID] = []
  package private(set) var bases = 0
  /// What stands in the way, to be told.
  package private(set) var notices: [String] = []

  /// Seconds since 1970 when the newest object was stored that had been there for `quiet` seconds.
  private(set) var lastStored: Int64?

  package var byteCount: Int { objects.reduce(0) { $0 + $1.size } }

  /// Seconds that a part may be in the store before a base names it.
  private static let partGrace = 86_400.0

  /// Plans from listings and manifests; deletes nothing.
  ///
  /// `cutoff` and `now` are microseconds since 1970 by the store's clock.
  package init(_ catalog: ReplicaCatalog, cutoff: Int64, now: Int64, quiet: Double = 0) throws {
    let cutoff = cutoff / 1_000_000
    let witnessed = Double(now) / 1e6 - quiet
    func note(_ objects: [ObjectInfo]) {
      let old = objects.lazy.map(\.modified).filter { Double($0) <= witnessed }
      lastStored = [lastStored, old.max()].compactMap { $0 }.max()
    }
    var kept: [(generation: GenerationID, manifests: [BaseManifest])] = []
    let parts = try catalog.store.listAll(prefix: ReplicaLayout.pages)
    let present = Set(parts.map(\.key.name))
    note(parts)
    // From the newest back: `next` is when the first state that is surely restorable later begins.
    var next: Int64?
    for generation in try catalog.generations().reversed() {
      let listed = try catalog.store.listAll(prefix: ReplicaLayout.folder(generation))
      var contents = GenerationContents(generation: generation)
      for object in listed { contents.add(object) }
      note(listed)
      if let next, next <= cutoff {
        objects += Self.inOrder(listed, generation)
        generations.append(generation)
        bases += contents.bases.count
        continue
      }
      let manifests = try contents.bases.map { try catalog.manifest(generation, transaction: $0) }
      let stored = Self.times(of: manifests, listed)
      let first = try dropOldBases(
        manifests, stored, contents, listed, present: present, cutoff: cutoff)
      kept.append((generation, Array(manifests[first...])))
      if let base = manifests.indices.contains(first) ? manifests[first] : nil,
        isWhole(base, present)
      {
        next = stored[first]
      }
    }
    let needed = Set(kept.flatMap { $0.manifests.flatMap { $0.parts.map { ReplicaLayout.part($0.digest) } } })
    objects += parts.filter {
      !needed.contains($0.key.name) && Double(now) / 1e6 - Double($0.modified) > Self.partGrace
    }
  }

  /// Seconds since 1970 when each manifest was stored; what is not known is as if it were now.
  private static func times(of manifests: [BaseManifest], _ listed: [ObjectInfo]) -> [Int64] {
    let times = Dictionary(listed.map { ($0.key.name, $0.modified) }) { first, _ in first }
    return manifests.map {
      let time = times[ReplicaLayout.base($0.generation, transaction: $0.transaction)] ?? -1
      return time < 0 ? .max : time
    }
  }

  /// Finds the bases of a generation that a later one has made needless; returns the first to keep.
  private mutating func dropOldBases(
    _ manifests: [BaseManifest], _ stored: [Int64], _ contents: GenerationContents, _ listed: [ObjectInfo],
    present: Set<String>, cutoff: Int64
  ) throws -> Int {
    // What lies before the first base is left of a deletion that was cut short.
    let keep = manifests.indices.last { stored[$0] <= cutoff } ?? 0
    guard manifests.indices.contains(keep) else { return 0 }
    guard isWhole(manifests[keep], present) else {
      notices.append(
        "base \(manifests[keep].transaction) of generation \(contents.generation) lacks parts: nothing before it is "
          + "deleted")
      return 0
    }
    let start = manifests[keep].transaction
    let generation = contents.generation
    bases += keep
    objects += Self.inOrder(
      listed.filter { object in
        let name = object.key.name
        if name.hasPrefix(ReplicaLayout.bases(generation)) {
          return ReplicaLayout.baseTransaction(of: name).map { $0 < start } ?? false
        }
        if let slice = SliceName(key: name) { return slice.transactions.upperBound <= start }
        if let batch = ReplicaLayout.statementRange(of: name) { return batch.upperBound <= start }
        return false
      }, generation)
    return keep
  }

  /// Plans nothing, for a reason.
  mutating func giveUp(_ reason: String) {
    objects = []
    generations = []
    bases = 0
    notices.append(reason)
  }

  private func isWhole(_ manifest: BaseManifest, _ present: Set<String>) -> Bool {
    manifest.parts.allSatisfy { present.contains(ReplicaLayout.part($0.digest)) }
  }

  /// Bases first, so that nothing counts that is half deleted; what tells of the generation last.
  private static func inOrder(_ objects: [ObjectInfo], _ generation: GenerationID) -> [ObjectInfo] {
    func rank(_ object: ObjectInfo) -> Int {
      let name = object.key.name
      if name.hasPrefix(ReplicaLayout.bases(generation)) { return 0 }
      if name == ReplicaLayout.complete(generation) { return 1 }
      return name == ReplicaLayout.record(generation) ? 3 : 2
    }
    return objects.sorted { (rank($0), $0.key) < (rank($1), $1.key) }
  }
}
