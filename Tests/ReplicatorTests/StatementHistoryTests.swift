import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Testing

/// Tests that a restore fetches only the batches of a long history that it may need.
@Suite struct StatementHistoryTests {
  private struct Seen: Equatable {
    let transaction: UInt64
    let time: Int64
  }

  private func walk(_ store: any ObjectStore, _ bounds: StatementHistory.Bounds) throws -> [Seen] {
    var history = try StatementHistory(ObjectSource(ReplicaCatalog(store), patience: 5), bounds)
    var found: [Seen] = []
    while let entry = try history.next() {
      found.append(Seen(transaction: entry.transaction.number, time: entry.transaction.time))
    }
    return found
  }

  /// Makes a history of one batch for each transaction.
  private func longHistory(_ count: Int = 40) throws -> MirrorFixture {
    let fixture = try MirrorFixture()
    fixture.settings.mergesObjects = false
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 1..<count {
      try fixture.flush()
      try fixture.run("INSERT INTO t VALUES(\(number))")
    }
    try fixture.close()
    return fixture
  }

  @Test func fetchesFewBatches() throws {
    let fixture = try longHistory()
    let all = try walk(fixture.store, .init())
    #expect(all.map(\.transaction) == Array(1...40))
    for wanted in [0, 1, 20, 38, 39] {
      let metered = MeteredStore(fixture.store)
      var bounds = StatementHistory.Bounds()
      bounds.since = all[wanted].time
      bounds.until = all[min(wanted + 1, 39)].time
      #expect(try walk(metered, bounds) == Array(all[wanted...min(wanted + 1, 39)]))
      #expect(metered.requests <= 4 + 6 + 4, "\(wanted): \(metered.requests) requests")
      bounds = .init()
      bounds.lowest = all[wanted].transaction
      bounds.highest = bounds.lowest
      let byNumber = MeteredStore(fixture.store)
      #expect(try walk(byNumber, bounds) == [all[wanted]])
      #expect(byNumber.requests == 5)
    }
    for (index, seen) in all.enumerated() {
      var bounds = StatementHistory.Bounds()
      bounds.since = seen.time
      #expect(try walk(fixture.store, bounds) == Array(all[index...]))
      bounds.since = seen.time + 1
      #expect(try walk(fixture.store, bounds) == Array(all[(index + 1)...]))
      bounds.since = nil
      bounds.until = seen.time - 1
      #expect(try walk(fixture.store, bounds) == Array(all[..<index]))
    }
  }

  /// The first bytes of a batch only guide the search, and they may be wrong.
  @Test func isNotMisledByDamage() throws {
    let fixture = try longHistory()
    let all = try walk(fixture.store, .init())
    let names = try fixture.store.listAll(prefix: "").map(\.key).filter { $0.name.contains("/sql/") }
    let early = try fixture.store.get(names[0]).bytes
    let liar = MisleadingStore(fixture.store)
    // All later batches have the head of the first, so every time seems too early.
    liar.head = early
    var bounds = StatementHistory.Bounds()
    bounds.since = all[10].time
    #expect(try walk(liar, bounds) == Array(all[10...]))
    liar.head = Array("nothing".utf8)
    #expect(try walk(liar, bounds) == Array(all[10...]))
  }

  /// The clock is set back between two sessions: times continue from the last one.
  @Test func generationsAreSearchedOneByOne() throws {
    let fixture = try longHistory(5)
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(100); INSERT INTO t VALUES(101)")
    try fixture.close()
    let all = try walk(fixture.store, .init())
    #expect(all.count == 7)
    #expect(all.map(\.time) == all.map(\.time).sorted())
    for (index, seen) in all.enumerated() {
      var bounds = StatementHistory.Bounds()
      bounds.since = seen.time
      #expect(try walk(fixture.store, bounds) == Array(all[index...]))
      bounds.since = nil
      bounds.until = seen.time
      #expect(try walk(fixture.store, bounds) == Array(all[...index]))
    }
  }
}

/// Returns other bytes if only the beginning of an object is requested.
private final class MisleadingStore: ObjectStore, @unchecked Sendable {
  // Used by the test's thread only.
  var head: [UInt8] = []
  private let store: any ObjectStore
  init(_ store: any ObjectStore) { self.store = store }

  var url: String { store.url }
  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    try store.put(key, bytes, condition)
  }
  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let found = try store.get(key, range: range)
    // A reader reads a batch up to its listed length.
    return range?.count == 64 << 10 ? ObjectContent(bytes: head, etag: found.etag) : found
  }
  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? { try store.head(key) }
  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try store.list(prefix: prefix, after: after, limit: limit)
  }
  func delete(_ key: ObjectKey) throws(ObjectStoreError) { try store.delete(key) }
}
