import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests the moment at which a session continues a replica.
@Suite struct BeginningTests {
  private let store = FaultyStore(MemoryStore())
  private let fixture: MirrorFixture

  init() throws {
    fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
  }

  private func contents() throws -> GenerationContents {
    try ReplicaCatalog(store).newest()
  }

  /// Makes `count` commits, each in a slice of its own.
  private func insert(_ count: Int) throws {
    for number in 0..<count {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
    }
  }

  private func expectProven() throws {
    for source in [Restore.Source.wal, .sql] {
      #expect(try content(fixture.restore(source)) == content(fixture.path))
    }
    let contents = try contents()
    let last = try #require(contents.slices.map(\.transactions.upperBound).max())
    #expect(contents.batchesReach(backFrom: last) == 0)
  }

  /// A session at its start merges new objects with those from before.
  @Test func leavesNothingOutOfWhatIsMerged() throws {
    fixture.settings.mergesObjects = false
    try fixture.open()
    try insert(800)
    try fixture.close()
    let first = try #require(contents().slices.map(\.transactions.upperBound).max()) + 1
    fixture.settings.mergesObjects = true
    try fixture.open()
    try insert(40)
    try Poll.until(seconds: 60) { (try? contents().chain(after: 0).objects.count) ?? .max < 60 }
    try fixture.close()
    let chain = try contents().chain(after: 0)
    #expect(!chain.objects.contains { $0.transactions == first...first }, "\(chain.objects)")
    try expectProven()
  }

  /// If the log is restarted while commits wait for the store, it no longer shows the replica's
  /// end.
  @Test func aKillAfterARestartOfTheLogIsNoReasonToRefuse() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.checkpointFrames = 10
    fixture.settings.logLimit = 64 << 10
    fixture.settings.sliceBytes = 64 << 10
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.flush()
    store.always(.refuse(.unreachable), for: .put)
    for _ in 0..<150 { try fixture.run("INSERT INTO t(b) VALUES(randomblob(6000))") }
    try Poll.until { fixture.mirror?.status().captured == 151 }
    store.latency = 0.05
    store.always(nil, for: .put)
    try Poll.until { fixture.mirror?.status().stored ?? 0 > 20 }
    fixture.abandon()
    store.latency = 0
    try Poll.until { ((try? fixture.chainEnd()) ?? 0) > 20 }
    #expect(try fixture.chainEnd() < 151)
    try fixture.open()
    try fixture.run("INSERT INTO t(b) VALUES('last')")
    try fixture.flush()
    #expect(fixture.mirror?.isOn == true, "\(fixture.mirror?.takeNotices() ?? [])")
    try fixture.close()
    #expect(try content(fixture.restore(.wal)) == content(fixture.path))
  }
}

extension MirrorFixture {
  fileprivate func chainEnd() throws -> UInt64 {
    let catalog = ReplicaCatalog(store)
    return try catalog.contents(of: try #require(catalog.generations().last), .everything).chain(
      after: BaseName(0, id: .none)
    ).end
  }
}
