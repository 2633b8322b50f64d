import Files
package import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Which objects of a replica nobody needs who restores a moment after `cutoff` (rules 16 to 19 of `Docs/Protocol.md`).
///
/// The newest state that can be restored is never among them, nor anything that a base needs which is kept, nor a turn or a
/// seal. Age is that of an object in the store, by the store's clock: the clocks of those who wrote it have no part in it.
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
  /// Seconds since 1970 after which something does not count as old.
  private let cutoff: Int64
  private let witnessed: Double

  /// Plans from listings and manifests; deletes nothing.
  ///
  /// `cutoff` and `now` are microseconds since 1970 by the store's clock.
  package init(_ catalog: ReplicaCatalog, cutoff: Int64, now: Int64, quiet: Double = 0) throws {
    self.cutoff = cutoff / 1_000_000
    witnessed = Double(now) / 1e6 - quiet
    let parts = try catalog.store.listAll(prefix: ReplicaLayout.pages)
    let present = Set(parts.map(\.key.name))
    note(parts)
    var history = try ReplicaHistory(catalog)
    let chain = try history.all()
    var needed: Set<String> = []
    // From the newest back: `next` is when the first state that is surely restorable later begins.
    var next: Int64?
    for generation in chain.reversed() {
      let listed = try catalog.store.listAll(prefix: ReplicaLayout.folder(generation.id))
      note(listed)
      let contents = try catalog.contents(of: generation.id, .everything)
      // A generation is retired once its successor has a mark (rule 18).
      let isRetired = next.map { $0 <= self.cutoff } ?? false
      let hasSuccessorMark = chain.first { $0.id.sequence == generation.id.sequence + 1 }?.isMarked ?? false
      if isRetired, hasSuccessorMark {
        retire(contents, listed)
        continue
      }
      let manifests = try contents.bases.map { try catalog.manifest(generation.id, $0) }
      let stored = Self.times(of: manifests, listed)
      let first = dropOldBases(manifests, stored, contents, listed, present: present)
      for manifest in manifests[first...] {
        needed.formUnion(manifest.parts.map { ReplicaLayout.part($0.digest) })
      }
      if manifests.indices.contains(first), isWhole(manifests[first], present) { next = stored[first] }
    }
    try dropOrphans(catalog, besides: Set(chain.map(\.id)), needed: &needed)
    objects += parts.filter {
      !needed.contains($0.key.name) && Double(now) / 1e6 - Double($0.modified) > Self.partGrace
    }
  }

  private mutating func note(_ objects: [ObjectInfo]) {
    let limit = witnessed
    let old = objects.lazy.map(\.modified).filter { Double($0) <= limit }
    lastStored = [lastStored, old.max()].compactMap { $0 }.max()
  }

  /// Seconds since 1970 when each manifest was stored; what is not known is as if it were now.
  private static func times(of manifests: [BaseManifest], _ listed: [ObjectInfo]) -> [Int64] {
    let times = Dictionary(listed.map { ($0.key.name, $0.modified) }) { first, _ in first }
    return manifests.map {
      let time = times[$0.key] ?? -1
      return time < 0 ? .max : time
    }
  }

  /// All of a generation but its turns and seals.
  private mutating func retire(_ contents: GenerationContents, _ listed: [ObjectInfo]) {
    let rest = listed.filter { Self.mayGo($0.key.name, in: contents) }
    guard !rest.isEmpty else { return }
    objects += Self.inOrder(rest, contents.generation)
    generations.append(contents.generation)
    bases += contents.bases.count
  }

  /// Whether an object is no turn and no seal: what cannot be read may be one.
  private static func mayGo(_ name: String, in contents: GenerationContents) -> Bool {
    guard let place = Place(key: name) else { return true }
    if case .slice = contents.entries[place] { return true }
    return false
  }

  /// Finds the bases of a generation that a later one has made needless; returns the first to keep.
  private mutating func dropOldBases(
    _ manifests: [BaseManifest], _ stored: [Int64], _ contents: GenerationContents, _ listed: [ObjectInfo],
    present: Set<String>
  ) -> Int {
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
    // The last entry of the chain stays, although the base holds its transactions (rule 16).
    let chain = contents.chain(after: manifests[keep].name)
    let isTip = chain.objects.isEmpty && chain.turns.isEmpty && chain.seal == nil
    bases += keep
    objects += Self.inOrder(
      listed.filter { object in
        let name = object.key.name
        if name.hasPrefix(ReplicaLayout.bases(generation)) {
          return (BaseName(key: name) ?? BaseMap.base(key: name)).map { $0.transaction < start } ?? false
        }
        if let place = Place(key: name) {
          guard case .slice(let header, _) = contents.entries[place] else { return false }
          return header.entry.lastTransaction < start || header.entry.lastTransaction == start && !isTip
        }
        if let batch = BatchName(key: name) { return batch.transactions.upperBound <= start }
        guard name.hasPrefix(ReplicaLayout.merged(generation)) else { return false }
        return MergedName(key: name).map { $0.transactions.upperBound <= start } ?? false
      }, generation)
    return keep
  }

  /// Generations that no seal names go once the place of their seal has another entry, or its number is covered (rule 19).
  private mutating func dropOrphans(
    _ catalog: ReplicaCatalog, besides chain: Set<GenerationID>, needed: inout Set<String>
  ) throws {
    for generation in try catalog.folders() where !chain.contains(generation) {
      let listed = try catalog.store.listAll(prefix: ReplicaLayout.folder(generation))
      note(listed)
      let contents = try catalog.contents(of: generation, .everything)
      let isOld = listed.allSatisfy { $0.modified >= 0 && $0.modified <= cutoff }
      if isOld, try isDead(contents, catalog) {
        retire(contents, listed)
        continue
      }
      for base in contents.bases {
        let manifest = try? catalog.manifest(generation, base)
        needed.formUnion(manifest?.parts.map { ReplicaLayout.part($0.digest) } ?? [])
      }
    }
  }

  /// Whether a generation that is not on the chain can never come to be on it.
  private func isDead(_ contents: GenerationContents, _ catalog: ReplicaCatalog) throws -> Bool {
    let name = ReplicaLayout.record(contents.generation)
    guard contents.hasRecord, let record = try? GenerationRecord(catalog.read(name), object: name) else {
      return false
    }
    // The first generation of the replica is another.
    guard let seal = record.seal else { return try catalog.mark(contents.generation.sequence) != nil }
    let before = try catalog.contents(of: seal.generation)
    if before.merged.keys.contains(where: { $0.transactions.contains(seal.transaction) }) { return true }
    switch before.entries[seal] {
    case .slice: return true
    case .turn(let turn): return turn.successor?.generation != contents.generation
    case .damaged, nil: return false
    }
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

  /// Bases first, the oldest first, so that nothing counts that is half deleted; the generation's record last.
  private static func inOrder(_ objects: [ObjectInfo], _ generation: GenerationID) -> [ObjectInfo] {
    func rank(_ object: ObjectInfo) -> Int {
      let name = object.key.name
      if name.hasPrefix(ReplicaLayout.bases(generation)) { return 0 }
      return name == ReplicaLayout.record(generation) ? 2 : 1
    }
    return objects.sorted { (rank($0), $0.key) < (rank($1), $1.key) }
  }
}
