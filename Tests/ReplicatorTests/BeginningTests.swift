import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import TestSupport
import Testing

/// What a session does between finding where to go on and going on.
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

  /// So many commits, each in a slice of its own.
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

  /// What is stored while a session still takes over what was there before is merged with it.
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
}
