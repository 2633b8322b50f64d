import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import TestSupport
import Testing

/// A replica with a base that holds rows, twelve later slices and their batches, and changes to it.
final class ReplacingRig {
  let store: MemoryStore
  let fixture: MirrorFixture
  let generation: GenerationID
  /// The transactions of the base and of the last slice.
  let base: UInt64
  private(set) var last: UInt64
  private(set) var rows: [String]
  private let slices: [UInt64: String]
  private let ids: [UInt64: EntryID]
  private let batches: [UInt64: String]

  var folder: Files.TemporaryFolder { fixture.folder }

  init() throws {
    store = MemoryStore()
    fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    fixture.settings.mergesObjects = false
    fixture.settings.partBytes = 64 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
        + "INSERT INTO t SELECT i, hex(randomblob(200)) FROM n")
    try fixture.flush()
    try #require(fixture.mirror).snapshot()
    for number in 1...12 {
      try fixture.run("UPDATE t SET b = b || \(number) WHERE a % 12 = \(number % 12)")
      try fixture.flush()
    }
    let catalog = ReplicaCatalog(store)
    let contents = try catalog.newest()
    generation = contents.generation
    base = try #require(contents.bases.last).transaction
    last = base + 12
    rows = try content(fixture.path)
    func byNumber<Value>(_ pairs: [(ClosedRange<UInt64>, Value)]) -> [UInt64: Value] {
      Dictionary(uniqueKeysWithValues: pairs.filter { $0.0.count == 1 }.map { ($0.0.lowerBound, $0.1) })
    }
    slices = byNumber(contents.slices.map { ($0.transactions, $0.key) })
    ids = byNumber(contents.slices.map { ($0.transactions, $0.id) })
    batches = byNumber(contents.batches.keys.map { ($0.transactions, $0.key(in: contents.generation)) })
    #expect(contents.slices.map(\.transactions.upperBound).max() == last)
  }

  deinit { try? fixture.close() }

  func objects() throws -> [String] { try store.listAll(prefix: "").map(\.key.name) }

  /// Copies the store, and changes the copy.
  func copy(_ change: (MemoryStore) throws -> Void) throws -> MemoryStore {
    let copy = MemoryStore()
    for object in try store.listAll(prefix: "") {
      try copy.put(object.key, store.get(object.key).bytes, .always)
    }
    try change(copy)
    return copy
  }

  /// Returns the key of a transaction's slice, or of its batch.
  func slice(_ transaction: UInt64) throws -> String { try #require(slices[transaction]) }
  func batch(_ transaction: UInt64) throws -> String { try #require(batches[transaction]) }

  /// Returns the key of the merged object that replaces several.
  func merged(_ transactions: ClosedRange<UInt64>) throws -> String {
    MergedName(transactions, id: try #require(ids[transactions.upperBound])).key(in: generation)
  }

  /// Replaces several slices with one.
  func merge(_ transactions: ClosedRange<UInt64>, in store: MemoryStore) throws {
    let names = try transactions.map { try slice($0) }
    let objects = try names.map { (name: $0, bytes: try self.store.get(ObjectKey($0)).bytes) }
    let merged = try SliceMerge.merge(objects, stored: last, created: 1)
    try store.put(ObjectKey(merged.name.key(in: generation)), merged.bytes, .always)
    // The entry at the tip stays.
    let tip = try slice(last)
    for name in names where name != tip { try store.delete(ObjectKey(name)) }
  }

  /// Replaces several batches with one.
  func mergeBatches(_ transactions: ClosedRange<UInt64>, in store: MemoryStore) throws {
    let names = try transactions.map { try batch($0) }
    let objects = try names.map { (name: $0, bytes: try self.store.get(ObjectKey($0)).bytes) }
    let merged = try #require(try StatementMerge.merge(objects, generation: generation))
    let last = try #require(names.last.flatMap { BatchName(key: $0) })
    let name = BatchName(merged.transactions, id: last.id)
    try store.put(ObjectKey(name.key(in: generation)), merged.bytes, .always)
    for name in names { try store.delete(ObjectKey(name)) }
  }

  /// Makes more commits and another base, and removes everything before the base.
  func goOnAndPrune() throws -> MemoryStore {
    try fixture.run("DELETE FROM t WHERE a % 7 = 0")
    try fixture.flush()
    try #require(fixture.mirror).snapshot()
    try fixture.run("UPDATE t SET b = 'last' WHERE a = 1")
    try fixture.flush()
    last += 2
    rows = try content(fixture.path)
    return try copy { store in
      let retention = try Retention(ReplicaCatalog(store), cutoff: .max, now: .max)
      #expect(
        retention.bases > 0 && retention.objects.contains { $0.key.name.hasPrefix(ReplicaLayout.pages) })
      for object in retention.objects { try store.delete(object.key) }
    }
  }
}

/// Lists an object that it no longer holds.
final class LaggingStore: ForwardingStore {
  let base: any ObjectStore
  private let lost: String
  init(_ base: any ObjectStore, without lost: String) {
    self.base = base
    self.lost = lost
  }

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    guard key.name != lost else {
      throw ObjectStoreError(.notFound, verb: "get", object: key.name, cause: "no such object")
    }
    return try base.get(key, range: range)
  }
}
