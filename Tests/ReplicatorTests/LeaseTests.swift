import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// One writer at a time.
@Suite struct LeaseTests {
  private func generations(_ store: any ObjectStore) throws -> Int {
    try ReplicaCatalog(store).generations().count
  }

  /// A copy of a closed fixture's database, as another host would have it.
  private func copy(_ first: MirrorFixture, host: String) throws -> MirrorFixture {
    let second = try MirrorFixture(first.store)
    second.settings.host = host
    second.settings.leaseSeconds = first.settings.leaseSeconds
    let origin = try Connection(first.path)
    try origin.execute("VACUUM INTO '\(second.path)'")
    origin.close()
    return second
  }

  @Test func refusesAnotherDatabaseWhileTheFirstIsMirrored() throws {
    let store = MemoryStore()
    let first = try MirrorFixture(store)
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES('first')")
    try first.flush()
    let second = try MirrorFixture(store)
    let plain = try Connection(second.path)
    try plain.execute("CREATE TABLE t(a); INSERT INTO t VALUES('second')")
    plain.close()
    try second.open()
    for number in 0..<20 {
      try first.run("INSERT INTO t VALUES('first \(number)')")
      try second.run("INSERT INTO t VALUES('second \(number)')")
    }
    try first.flush()
    let error = thrown(MirrorError.self) { try second.close() }
    #expect(error?.code == .held)
    #expect(error?.message.contains("process \(ProcessIdentity.current)") == true)
    #expect(error?.message.contains(first.path) == true)
    try first.close()
    #expect(try generations(store) == 1)
    #expect(try first.bytes(first.restore(.wal)) == first.bytes(first.path))
    // Once the first has ended the second may begin, in a generation of its own.
    try second.open()
    try second.flush()
    try second.close()
    #expect(try generations(store) == 2)
    #expect(try second.bytes(second.restore(.wal)) == second.bytes(second.path))
  }

  @Test func anotherHostGoesOnAfterAnOrderlyEnd() throws {
    let first = try MirrorFixture()
    first.settings.host = "one"
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try first.close()
    let second = try MirrorFixture(first.store)
    try File(second.path, .create).write(first.bytes(first.path), at: 0)
    second.settings.host = "two"
    try second.open()
    try second.run("INSERT INTO t VALUES(2)")
    try second.close()
    #expect(try generations(first.store) == 1)
    #expect(try second.bytes(second.restore(.wal)) == second.bytes(second.path))
  }

  @Test func anotherHostTakesOverAndTheFirstStopsBeforeItWrites() throws {
    let store = FaultyStore(MemoryStore())
    let first = try MirrorFixture(store)
    first.settings.host = "one"
    first.settings.leaseSeconds = 0.4
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try first.flush()
    // The first is quiet, so it does not renew.
    let second = try copy(first, host: "two")
    try second.open()
    try second.run("INSERT INTO t VALUES('second')")
    try second.flush()
    #expect(try generations(store) == 2)
    #expect(second.mirror?.takeNotices().contains { $0.contains("on one") } == true)
    let newest = try #require(ReplicaCatalog(store).generations().last)
    try Poll.until { (try? store.head(ObjectKey(ReplicaLayout.complete(newest)))) ?? nil != nil }
    let puts = store.calls(.put)
    try first.run("INSERT INTO t VALUES('too late')")
    let error = thrown(MirrorError.self) { try first.flush() }
    #expect(error?.code == .conflict)
    #expect(error?.message.contains("on two") == true, "\(error?.message ?? "")")
    // One put was tried: the renewal, which was refused.
    #expect(store.calls(.put) == puts + 1)
    first.abandon()
    try second.run("INSERT INTO t VALUES('goes on')")
    try second.close()
    #expect(try second.bytes(second.restore(.wal)) == second.bytes(second.path))
  }

  @Test func aWriterThatRenewsIsNotTakenOver() throws {
    let first = try MirrorFixture()
    first.settings.host = "one"
    first.settings.leaseSeconds = 0.4
    try first.open()
    try first.run("CREATE TABLE t(a)")
    try first.flush()
    let second = try copy(first, host: "two")
    try second.open()
    try Poll.until {
      try? first.run("INSERT INTO t VALUES(1)")
      return second.mirror?.isOn == false
    }
    let error = thrown(MirrorError.self) { try second.flush() }
    #expect(error?.code == .held)
    second.abandon()
    try first.close()
    #expect(try generations(first.store) == 1)
    #expect(try first.bytes(first.restore(.wal)) == first.bytes(first.path))
  }

  @Test func noticesASecondWriterWhereConditionsAreIgnored() throws {
    let store = CarelessStore()
    let first = try MirrorFixture(store)
    first.settings.host = "one"
    first.settings.leaseSeconds = 0.4
    try first.open()
    try first.run("CREATE TABLE t(a)")
    try first.flush()
    #expect(first.mirror?.takeNotices().contains { $0.contains("conditional") } == true)
    let second = try copy(first, host: "two")
    try second.open()
    try second.run("INSERT INTO t VALUES('second')")
    try second.flush()
    try first.run("INSERT INTO t VALUES('too late')")
    let error = thrown(MirrorError.self) { try first.flush() }
    #expect(error?.code == .conflict)
    first.abandon()
    try second.close()
    #expect(try second.bytes(second.restore(.wal)) == second.bytes(second.path))
  }

  @Test func settlesAnswersThatWereLost() throws {
    let store = FaultyStore(MemoryStore())
    for put in 1...12 { store.plan(.loseAnswer, for: .put, at: put) }
    let fixture = try MirrorFixture(store)
    fixture.settings.leaseSeconds = 0.2
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    #expect(try generations(store) == 1)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }

  @Test(arguments: Durability.allCases)
  func standsByWhileAnotherMirrorHasTheDatabase(_ durability: Durability) throws {
    let first = try MirrorFixture()
    try first.open()
    try first.run("CREATE TABLE t(a)")
    try first.flush()
    let other = try Connection(first.path)
    var settings = first.settings
    settings.durability = durability
    let standby = ReplicationObserver(store: first.store, settings: settings)
    try standby.attach(to: other)
    #expect(standby.status().phase == .standby)
    for number in 0..<(durability == .sync ? 2 : 50) { try other.execute("INSERT INTO t VALUES(\(number))") }
    #expect(standby.takeFailures() == [])
    try first.run("INSERT INTO t VALUES('by the first')")
    try first.close()
    try other.execute("INSERT INTO t VALUES('after the first has ended')")
    try standby.stop()
    #expect(standby.takeNotices().contains { $0.contains("has ended") })
    other.close()
    #expect(try generations(first.store) == 1)
    #expect(try first.bytes(first.restore(.wal)) == first.bytes(first.path))
    #expect(try content(first.restore(.sql)) == content(first.path))
  }
}

/// Takes every put whatever its condition, as some stores do.
private final class CarelessStore: ForwardingStore {
  let base: any ObjectStore = MemoryStore()

  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    try base.put(key, bytes, .always)
  }
}
