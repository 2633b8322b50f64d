import Files
package import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Selects the objects that no restore after `cutoff` needs (rules 16 to 19 of `Docs/Protocol.md`).
///
/// It never selects the newest restorable state, an object that a kept base needs, a turn or a
/// seal. The age of an object comes from the store's clock alone, not from the clocks of its
/// writers.
package struct Retention: Sendable {
  /// The objects in the order of deletion: an object that makes others count goes first.
  package private(set) var objects: [ObjectInfo] = []
  package private(set) var generations: [GenerationID] = []
  package private(set) var bases = 0
  /// Reasons for which history is kept, for the user.
  package private(set) var notices: [String] = []

  /// The time of the newest object older than `quiet` seconds; seconds since 1970.
  private(set) var lastStored: Int64?

  package var byteCount: Int { objects.reduce(0) { $0 + $1.size } }

  /// Seconds that a part may be in the store before a base names it.
  private static let partGrace = 86_400.0
  /// The time after which an object does not count as old; seconds since 1970.
  private let cutoff: Int64
  private let witnessed: Double

  /// Plans from listings and manifests, and deletes nothing.
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
    // From the newest generation back, `next` is the time of the first later state that can be
    // restored.
    var next: Int64?
    for generation in chain.reversed() {
      let listed = try catalog.store.listAll(prefix: ReplicaLayout.folder(generation.id))
      note(listed)
      let contents = try catalog.contents(of: generation.id, .everything)
      // A generation is retired when its successor has a mark (rule 18).
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

  /// Returns the storage time of each manifest in seconds since 1970; an unknown one counts as now.
  private static func times(of manifests: [BaseManifest], _ listed: [ObjectInfo]) -> [Int64] {
    let times = Dictionary(listed.map { ($0.key.name, $0.modified) }) { first, _ in first }
    return manifests.map {
      let time = times[$0.key] ?? -1
      return time < 0 ? .max : time
    }
  }

  /// Selects everything in a generation except its turns and seals.
  private mutating func retire(_ contents: GenerationContents, _ listed: [ObjectInfo]) {
    let rest = listed.filter { Self.mayGo($0.key.name, in: contents) }
    guard !rest.isEmpty else { return }
    objects += Self.inOrder(rest, contents.generation)
    generations.append(contents.generation)
    bases += contents.bases.count
  }

  /// Returns whether an object is neither a turn nor a seal; an unreadable object may be one.
  private static func mayGo(_ name: String, in contents: GenerationContents) -> Bool {
    guard let place = Place(key: name) else { return true }
    if case .slice = contents.entries[place] { return true }
    return false
  }

  /// Selects the bases of a generation that a later one replaces; returns the first base to keep.
  private mutating func dropOldBases(
    _ manifests: [BaseManifest], _ stored: [Int64], _ contents: GenerationContents, _ listed: [ObjectInfo],
    present: Set<String>
  ) -> Int {
    // Objects before the first base are left over from an interrupted deletion.
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

  /// Selects generations that no seal names.
  ///
  /// Their place has another entry, or their number is covered (rule 19).
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

  /// Returns whether a generation outside the chain can never join it.
  private func isDead(_ contents: GenerationContents, _ catalog: ReplicaCatalog) throws -> Bool {
    let name = ReplicaLayout.record(contents.generation)
    guard contents.hasRecord, let record = try? GenerationRecord(catalog.read(name), object: name) else {
      return false
    }
    // Another generation is the replica's first.
    guard let seal = record.seal else { return try catalog.mark(contents.generation.sequence) != nil }
    let before = try catalog.contents(of: seal.generation)
    if before.merged.keys.contains(where: { $0.transactions.contains(seal.transaction) }) { return true }
    switch before.entries[seal] {
    case .slice: return true
    case .turn(let turn): return turn.successor?.generation != contents.generation
    case .damaged, nil: return false
    }
  }

  /// Selects nothing, and notes the reason.
  mutating func giveUp(_ reason: String) {
    objects = []
    generations = []
    bases = 0
    notices.append(reason)
  }

  private func isWhole(_ manifest: BaseManifest, _ present: Set<String>) -> Bool {
    manifest.parts.allSatisfy { present.contains(ReplicaLayout.part($0.digest)) }
  }

  /// Returns bases first, from the oldest on, so that no half-deleted base counts.
  ///
  /// The generation's record goes last.
  private static func inOrder(_ objects: [ObjectInfo], _ generation: GenerationID) -> [ObjectInfo] {
    func rank(_ object: ObjectInfo) -> Int {
      let name = object.key.name
      if name.hasPrefix(ReplicaLayout.bases(generation)) { return 0 }
      return name == ReplicaLayout.record(generation) ? 2 : 1
    }
    return objects.sorted { (rank($0), $0.key) < (rank($1), $1.key) }
  }
}
