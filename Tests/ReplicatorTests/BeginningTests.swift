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
    let catalog = ReplicaCatalog(store)
    return try catalog.contents(of: #require(catalog.generations().last))
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
    #expect(contents.statementsReach(backFrom: last) == 0)
  }

  /// Statements that were stored before their slice, which never came, are deleted before others get their name.
  @Test func deletesUnfinishedStatementsBeforeItStoresOthers() throws {
    let before = try contents()
    let next = try #require(before.slices.map(\.transactions.upperBound).max()) + 1
    let unfinished = try ObjectKey(ReplicaLayout.statements(before.generation, next...next))
    try store.put(unfinished, [1, 2, 3], .always)
    store.always(.delay(seconds: 0.5), for: .delete)
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.flush()
    #expect(try store.get(unfinished).bytes.count > 3)
    try fixture.close()
    try expectProven()
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
    try fixture.close()
    let chain = try contents().chain(after: 0)
    #expect(!chain.slices.contains { $0.transactions == first...first }, "\(chain.slices)")
    try expectProven()
  }
}
