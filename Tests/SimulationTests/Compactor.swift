import ObjectStore
import ReplicaCatalog
import ReplicaFormat

@testable import Replicator

/// Merges stored entries, and deletes what merged objects cover (rules 10, 16 and 17).
///
/// It merges far sooner than the mirror, and deletes at once: safety does not depend on waiting.
final class Compactor: @unchecked Sendable {
  private let world: World
  private let name: String
  private let store: SimulatedStore
  var shelf = CompactionPolicy()
  private var replaced: [(name: String, last: UInt64)] = []
  /// Turns on the chain, for a compactor that deletes them.
  private var turns: [Place] = []

  init(_ world: World, _ name: String, _ store: SimulatedStore) {
    self.world = world
    self.name = name
    self.store = store
  }

  /// Takes over the content of the chain.
  func learn(_ chain: Chain, _ contents: GenerationContents) {
    for object in chain.objects {
      shelf.append(
        CompactionPolicy.Item(
          transactions: object.transactions, name: object.key, id: object.id, size: object.size,
          isWhole: !object.isPart))
    }
    turns += chain.turns.map(\.place)
    let kept = Set(chain.objects.map(\.key))
    for (place, entry) in contents.entries.sorted(by: { $0.key.key < $1.key.key }) {
      guard case .slice(let header, _) = entry, header.entry.lastTransaction <= chain.end,
        contents.merged.keys.contains(where: { $0.transactions.contains(place.transaction) }),
        !kept.contains(place.key)
      else { continue }
      replaced.append((place.key, header.entry.lastTransaction))
    }
  }

  /// Notes a stored entry of the session.
  func note(_ entry: PendingUpload) {
    guard let transactions = entry.transactions else { return turns.append(entry.place) }
    shelf.append(
      CompactionPolicy.Item(
        transactions: transactions, name: entry.place.key, id: entry.id, size: entry.bytes.count,
        bytes: entry.bytes, isWhole: !entry.isPart))
  }

  /// Merges some neighbours into one object.
  func merge(stored: UInt64, generation: GenerationID) throws {
    let whole = shelf.items.indices.filter { shelf.items[$0].isWhole }
    guard !whole.isEmpty else { return }
    let first = whole[world.choices.pick(whole.count)]
    var end = first + 1
    while end < shelf.items.count, shelf.items[end].isWhole,
      shelf.items[end].transactions.lowerBound == shelf.items[end - 1].transactions.upperBound + 1,
      !world.choices.chance(200)
    {
      end += 1
    }
    let run = Array(shelf.items[first..<end])
    guard run.count > 1 || !run[0].name.contains("/merged/") else { return }
    let contents = try run.map { item in
      if let bytes = item.bytes { return (name: item.name, bytes: bytes) }
      return (name: item.name, bytes: try store.content(of: item.name).bytes)
    }
    let merged = try SliceMerge.merge(contents, stored: stored, created: world.microseconds)
    try put(merged.name.key(in: generation), merged.bytes)
    shelf.replace(
      merged.name.transactions,
      with: CompactionPolicy.Item(
        transactions: merged.name.transactions, name: merged.name.key(in: generation), id: merged.name.id,
        size: merged.bytes.count, bytes: merged.bytes))
    replaced += run.map { ($0.name, $0.transactions.upperBound) }
    if world.settings.broken == .deletesTurns {
      let numbers = merged.name.transactions
      replaced += turns.filter { numbers.contains($0.transaction) }.map { ($0.key, numbers.upperBound) }
      turns.removeAll { numbers.contains($0.transaction) }
    }
  }

  /// Breaks rule 10: merges entries before they are sent.
  func merge(early entries: [PendingUpload]) throws {
    let slices = entries.filter { !$0.isTurn && !$0.isPart }
    guard let first = slices.first else { return }
    let merged = try SliceMerge.merge(
      slices.map { ($0.place.key, $0.bytes) }, stored: first.lastTransaction, created: world.microseconds)
    try put(merged.name.key(in: first.generation), merged.bytes)
  }

  /// Deletes what merged objects cover; the entry at the tip stays until a later one is stored.
  func remove(stored: UInt64) throws {
    let limit = world.settings.broken == .deletesTip ? stored + 1 : stored
    while let index = replaced.firstIndex(where: { $0.last < limit }) {
      try untilDone { try store.delete(ObjectKey(replaced[index].name)) }
      replaced.remove(at: index)
    }
  }

  private func put(_ name: String, _ bytes: [UInt8]) throws {
    try untilDone {
      do throws(ObjectStoreError) {
        try store.put(ObjectKey(name), bytes, .ifAbsent)
      } catch {
        guard error.code == .preconditionFailed else { throw error }
      }
    }
  }

  private func untilDone(_ body: () throws -> Void) throws {
    var attempts = 0
    while true {
      do {
        return try body()
      } catch let error as ObjectStoreError where error.isTransient && attempts < 12 {
        attempts += 1
      }
    }
  }
}

/// Sessions that write no transactions.
struct Keeper {
  let world: World
  let name: String
  let life: Baton.Life
  let store: SimulatedStore

  init(_ world: World, _ name: String, _ life: Baton.Life) {
    self.world = world
    self.name = name
    self.life = life
    store = SimulatedStore(world: world, name: name)
  }

  private func run(_ body: () throws -> Void) {
    do {
      try body()
      world.tell("\(name) ends")
    } catch {
      // The store fails, or objects disappear while they are read: it tries later.
      if !life.isDead { world.tell("\(name) gives up: \(error)") }
    }
  }

  /// Reads the chain, merges, deletes.
  func compact() {
    run {
      guard let found = try ChainTip(catalog: ReplicaCatalog(store)).read(), found.loss == nil,
        let chain = found.chain, let contents = found.contents
      else { return }
      let compactor = Compactor(world, name, store)
      compactor.learn(chain, contents)
      for _ in 0..<1 + world.choices.pick(3) {
        try compactor.merge(stored: chain.end, generation: contents.generation)
        try compactor.remove(stored: chain.end)
      }
    }
  }

  /// Creates missing marks, then deletes old objects.
  func prune() {
    run {
      let catalog = ReplicaCatalog(store)
      guard let found = try ChainTip(catalog: catalog).read() else { return }
      for mark in found.unmarked {
        do throws(ObjectStoreError) {
          try store.put(ObjectKey(mark.key), mark.bytes, .ifAbsent)
        } catch {
          guard error.code == .preconditionFailed else { throw error }
        }
      }
      let age: Int64 = [0, 20, 500][world.choices.pick(3)]
      let now = world.microseconds
      let plan = try Retention(catalog, cutoff: now - age * 1_000_000, now: now)
      world.tell("\(name) prunes what is older than \(age) s: \(plan.objects.count) objects")
      for object in plan.objects { try store.delete(object.key) }
      if world.settings.broken == .deletesOrphans { try deleteOrphans(catalog) }
    }
  }

  private func deleteOrphans(_ catalog: ReplicaCatalog) throws {
    var history = try ReplicaHistory(catalog)
    let chain = Set(try history.all().map(\.id))
    for generation in try catalog.folders() where !chain.contains(generation) {
      for object in try store.listAll(prefix: ReplicaLayout.bases(generation)) {
        try store.delete(object.key)
      }
    }
  }
}
