import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Replicator
import Restore
import SQLite
import TestSupport
import Testing

/// Tests sessions that write to one replica: each place of the log has one entry, of the first
/// session.
@Suite struct FencingTests {
  private func generations(_ store: any ObjectStore) throws -> Int {
    try ReplicaCatalog(store).generations().count
  }

  /// Copies a fixture's database for another host, which finds no active writer.
  private func copy(_ first: MirrorFixture, host: String) throws -> MirrorFixture {
    let second = try MirrorFixture(first.store)
    second.settings.host = host
    var restore = Restore(ReplicaCatalog(first.store))
    restore.force = true
    _ = try restore.run(.wal, to: second.path)
    try first.store.delete(ObjectKey(ReplicaLayout.lease))
    return second
  }

  private func expectRestores(_ fixture: MirrorFixture) throws {
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func refusesAnotherDatabase() throws {
    let store = MemoryStore()
    let first = try MirrorFixture(store)
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES('first')")
    try first.flush()
    let second = try MirrorFixture(store)
    let plain = try Connection(second.path)
    try plain.execute("CREATE TABLE t(a); INSERT INTO t VALUES('second')")
    plain.close()
    // While the first session is alive, and after its end.
    for isAlive in [true, false] {
      try second.open()
      try first.run("INSERT INTO t VALUES('first')")
      try second.run("INSERT INTO t VALUES('second')")
      try first.flush()
      let error = thrown(MirrorError.self) { try second.close() }
      #expect(error?.code == .held || error?.code == .refused)
      #expect(error?.message.contains(first.path) == true, "\(error?.message ?? "")")
      if isAlive {
        try first.close()
        try first.open()
      }
    }
    try first.close()
    #expect(try generations(store) == 1)
    try expectRestores(first)
    // By order it begins a generation, and reports the transactions that it leaves behind.
    second.settings.newGeneration = true
    try second.open()
    try second.flush()
    #expect(second.mirror?.takeNotices().contains { $0.contains("are left behind") } == true)
    try second.close()
    #expect(try generations(store) == 2)
    try expectRestores(second)
    // Those transactions can still be restored by the name of their generation.
    var target = RestoreTarget()
    target.generation = try ReplicaCatalog(store).generations().first
    #expect(try content(first.restore(.wal, "left.db", target)) == content(first.path))
  }

  @Test func anotherHostContinuesAfterAnOrderlyEnd() throws {
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
    try expectRestores(second)
  }

  @Test func aHostWithALeaseThatIsFreshIsNamed() throws {
    let first = try MirrorFixture()
    first.settings.host = "one"
    try first.open()
    try first.run("CREATE TABLE t(a)")
    try first.flush()
    try Poll.until { (try? first.store.head(ObjectKey(ReplicaLayout.lease))) ?? nil != nil }
    let lease = try first.store.get(ObjectKey(ReplicaLayout.lease)).bytes
    let second = try copy(first, host: "two")
    try first.store.put(ObjectKey(ReplicaLayout.lease), lease, .always)
    try second.open()
    let error = thrown(MirrorError.self) { try second.flush() }
    #expect(error?.code == .held && error?.message.contains("on one") == true)
    second.abandon()
    try first.close()
  }

  @Test(arguments: Durability.allCases)
  func anotherHostTakesOverAndTheFirstIsFenced(_ durability: Durability) throws {
    let first = try MirrorFixture()
    first.settings.host = "one"
    first.settings.durability = durability
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try first.flush()
    let second = try copy(first, host: "two")
    try second.open()
    try second.run("INSERT INTO t VALUES('second')")
    try second.flush()
    #expect(try generations(first.store) == 1)
    let before = try first.store.listAll(prefix: ReplicaLayout.generations).count
    try first.run("INSERT INTO t VALUES('too late')")
    let error = thrown(MirrorError.self) { try first.flush() }
    #expect(error?.code == .refused)
    #expect(error?.message.contains("on two") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("use .restore wal") == true, "\(error?.message ?? "")")
    if durability == .sync { #expect(first.mirror?.takeFailures().count == 1) }
    #expect(try first.store.listAll(prefix: ReplicaLayout.generations).count == before)
    first.abandon()
    try second.run("INSERT INTO t VALUES('goes on')")
    try second.close()
    try expectRestores(second)
  }

  /// A fenced database without new commits continues at the other one's end.
  @Test func continuesAfterARestore() throws {
    let first = try MirrorFixture()
    first.settings.host = "one"
    try first.open()
    try first.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try first.close()
    let second = try copy(first, host: "two")
    try second.open()
    try second.run("INSERT INTO t VALUES('second')")
    try second.close()
    // It is behind, and reports by how much.
    try first.open()
    let error = thrown(MirrorError.self) { try first.close() }
    #expect(error?.code == .refused)
    #expect(
      error?.message.contains("is 1 transaction ahead of \(first.path)") == true, "\(error?.message ?? "")")
    first.abandon()
    var restore = Restore(ReplicaCatalog(first.store))
    restore.force = true
    _ = try restore.run(.wal, to: first.path)
    try first.open()
    try first.run("INSERT INTO t VALUES('first again')")
    try first.close()
    #expect(try generations(first.store) == 1)
    try expectRestores(first)
  }

  @Test func noticesASecondWriterIfConditionsAreIgnored() throws {
    let store = CarelessStore()
    let first = try MirrorFixture(store)
    first.settings.host = "one"
    try first.open()
    try first.run("CREATE TABLE t(a)")
    try first.flush()
    #expect(first.mirror?.takeNotices().contains { $0.contains("ignores conditional writes") } == true)
    let second = try copy(first, host: "two")
    try second.open()
    try second.run("INSERT INTO t VALUES('second')")
    try second.flush()
    try first.run("INSERT INTO t VALUES('too late')")
    let error = thrown(MirrorError.self) { try first.flush() }
    #expect(error?.code == .refused)
    first.abandon()
    try second.close()
    try expectRestores(second)
  }

  @Test(arguments: [false, true]) func promisesNoSyncIfConditionsAreIgnored(isAllowed: Bool) throws {
    let fixture = try MirrorFixture(CarelessStore())
    fixture.settings.durability = .sync
    fixture.settings.isUnfencedAllowed = isAllowed
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    let failures = fixture.mirror?.takeFailures() ?? []
    #expect(failures.isEmpty == isAllowed, "\(failures)")
    if isAllowed { try fixture.close() } else { fixture.abandon() }
  }

  @Test func settlesAnswersThatWereLost() throws {
    let store = FaultyStore(MemoryStore())
    for put in 1...5 { store.plan(.loseAnswer, for: .put, at: put) }
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    #expect(try generations(store) == 1)
    try expectRestores(fixture)
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
    #expect(standby.takeNotices().contains { $0.contains("no longer mirrors") })
    other.close()
    #expect(try generations(first.store) == 1)
    try expectRestores(first)
  }
}

/// Accepts every put and ignores its condition, as some stores do.
private final class CarelessStore: ForwardingStore {
  let base: any ObjectStore = MemoryStore()

  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    try base.put(key, bytes, .always)
  }
}
