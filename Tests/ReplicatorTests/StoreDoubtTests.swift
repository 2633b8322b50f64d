import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Synchronization
import TestSupport
import Testing

/// Tests a mirror whose store has wrong listings, leases or clocks.
@Suite struct StoreDoubtTests {
  /// Waits until a condition holds.
  private func eventually(_ isSo: () throws -> Bool) throws -> Bool {
    let end = Clock.monotonicSeconds + 20
    while Clock.monotonicSeconds < end {
      if try isSo() { return true }
      Clock.sleep(seconds: 0.01)
    }
    return false
  }

  /// The lease proves that there was more, so a new beginning needs an order.
  @Test func refusesAReplicaWithNothingButALease() throws {
    let store = MemoryStore()
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    for object in try store.listAll(prefix: "") where object.key.name != ReplicaLayout.lease {
      try store.delete(object.key)
    }
    try fixture.open()
    let error = thrown(MirrorError.self) { try fixture.close() }
    #expect(error?.code == .refused && error?.message.contains("has lost objects") == true, "\(error as Any)")
    fixture.abandon()
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }

  /// A wrong answer in place of the lease does not stop the mirror.
  @Test func needsNoLease() throws {
    let store = ErringStore()
    let fixture = try MirrorFixture(store)
    store.errs(for: 100)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    #expect(store.hasErred)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }

  // MARK: Clocks

  private static let day: Int64 = 86_400

  /// Makes a replica with a base at each of the first transactions.
  private func history(_ fixture: MirrorFixture) throws {
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    for number in 2...3 {
      try fixture.mirror?.snapshot()
      try fixture.run("INSERT INTO t VALUES(\(number))")
    }
    try fixture.close()
  }

  private func bases(_ fixture: MirrorFixture) throws -> [BaseName] {
    try ReplicaCatalog(fixture.store).newest().bases
  }

  @Test func measuresAgeByTheStoresClock() throws {
    // For this store, the local clock is 60 days ahead.
    let store = MemoryStore(now: { Clock.wallMicroseconds / 1_000_000 - 60 * Self.day })
    let fixture = try MirrorFixture(store)
    try history(fixture)
    try fixture.open()
    #expect(try fixture.mirror?.prune(keeping: 30 * 86_400, dryRun: true).objects.count == 0)
    let done = try fixture.mirror?.prune(keeping: 0, dryRun: false)
    #expect(done?.bases == 2 && done?.notices == [])
    try fixture.close()
  }

  @Test func prunesNothingAfterAJumpOfTheClockAndReportsIt() throws {
    let days = Mutex<Int64>(0)
    let store = MemoryStore(now: { Clock.wallMicroseconds / 1_000_000 + days.withLock { $0 } * Self.day })
    let fixture = try MirrorFixture(store)
    fixture.settings.retention = 30 * 86_400
    try history(fixture)
    let before = try bases(fixture)
    #expect(before.count == 3)

    days.withLock { $0 = 60 }
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(4)")
    try fixture.flush()
    var notices: [String] = []
    #expect(
      try eventually {
        notices += fixture.mirror?.takeNotices() ?? []
        return notices.contains {
          $0.contains("old history is not deleted: the newest object before this session is ")
        }
      }, "\(notices)")
    let byHand = try fixture.mirror?.prune(keeping: 30 * 86_400, dryRun: false)
    #expect(byHand?.objects.count == 0 && byHand?.notices.count == 1)
    try fixture.close()
    #expect(try bases(fixture) == before)

    // Two days later it is still ahead.
    days.withLock { $0 = 62 }
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(5)")
    try fixture.flush()
    #expect(try eventually { try bases(fixture).count < 3 })
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }

  @Test func prunesAfterAClockThatWasAheadIsRightAgain() throws {
    let days = Mutex<Int64>(0)
    let store = MemoryStore(now: { Clock.wallMicroseconds / 1_000_000 + days.withLock { $0 } * Self.day })
    let fixture = try MirrorFixture(store)
    fixture.settings.retention = 3 * 86_400
    try history(fixture)
    for day in [300, 1, 2, 4, 6, 8] {
      days.withLock { $0 = Int64(day) }
      try fixture.open()
      try fixture.run("INSERT INTO t VALUES(\(day))")
      if day == 2 { try fixture.mirror?.snapshot() }
      try fixture.flush()
      if day < 3 || day == 300 { #expect(try bases(fixture).count >= 3, "day \(day)") }
      if day == 8 { #expect(try eventually { try bases(fixture).count == 1 }) }
      try fixture.close()
    }
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }
}

/// Loses the answers of some puts of the lease, and then returns an error in their place.
private final class ErringStore: ForwardingStore {
  let base: any ObjectStore = MemoryStore()
  private let state = Mutex((puts: 0, gets: 0))

  func errs(for count: Int) { state.withLock { $0 = (count, count) } }
  var hasErred: Bool { state.withLock { $0.puts < 100 } }

  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    let tag = try base.put(key, bytes, condition)
    let isLost = state.withLock { state in
      guard key.name == ReplicaLayout.lease, state.puts > 0 else { return false }
      state.puts -= 1
      return true
    }
    if isLost { throw ObjectStoreError(.timeout, verb: "put", object: key.name, cause: "lost") }
    return tag
  }

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let content = try base.get(key, range: range)
    let isError = state.withLock { state in
      guard key.name == ReplicaLayout.lease, state.gets > 0 else { return false }
      state.gets -= 1
      return true
    }
    return isError ? ObjectContent(bytes: Array("<Error/>".utf8), etag: content.etag) : content
  }
}
