import Dispatch
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import Restore
import SQLite
import TestSupport
import Testing

/// Tests the number and the times of a mirror's requests.
@Suite struct PacingTests {
  private func wait(_ seconds: Double) { _ = DispatchSemaphore(value: 0).wait(timeout: .now() + seconds) }

  @Test func makesNoRequestWhenIdle() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    // The flush does not wait for the session's records.
    wait(1)
    let before = store.calls
    wait(1)
    _ = try fixture.connection?.rows("SELECT * FROM t")
    #expect(store.calls == before)
    try fixture.close()
  }

  @Test func uploadsAtMostOneSliceAnInterval() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0.5
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    wait(0.6)
    let before = store.calls(.put)
    let start = Clock.monotonicSeconds
    while Clock.monotonicSeconds - start < 1.6 {
      try fixture.run("INSERT INTO t VALUES(1)")
      wait(0.005)
    }
    // A slice and its statements: at once, and after each half second that has begun.
    let took = Clock.monotonicSeconds - start
    #expect(store.calls(.put) - before <= 2 * (Int(took / 0.5) + 1))
    #expect(store.calls(.put) - before >= 2)
    try fixture.close()
  }

  @Test func uploadsStatementsLessOftenThanSlices() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0.1
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    wait(1)
    func counts() throws -> (slices: Int, batches: Int) {
      let catalog = ReplicaCatalog(store)
      let contents = try catalog.contents(of: try #require(catalog.generations().last))
      return (contents.slices.count, contents.batches.count)
    }
    let before = try counts()
    let start = Clock.monotonicSeconds
    while Clock.monotonicSeconds - start < 1.5 {
      try fixture.run("INSERT INTO t VALUES(1)")
      wait(0.02)
    }
    let after = try counts()
    let took = Clock.monotonicSeconds - start
    // The first at once, then one a second.
    #expect(after.slices - before.slices > 4)
    #expect(after.batches - before.batches <= 1 + Int(took))
    #expect(after.batches > before.batches)
    // A flush of everything does not wait for the record.
    let flushed = Clock.monotonicSeconds
    try fixture.flush()
    #expect(Clock.monotonicSeconds - flushed < 0.5)
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
    try fixture.close()
  }

  @Test func uploadsTheFirstCommitAfterQuietAtOnce() throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 30
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try Poll.until { fixture.mirror?.status().stored == 1 }
    try fixture.close()
  }

  @Test func waitsForTheStoreInSync() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.durability = .sync
    fixture.settings.flushTimeout = 0.5
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    #expect(fixture.mirror?.status().stored == 1)
    store.isDown = true
    try fixture.run("INSERT INTO t VALUES(1)")
    #expect(fixture.mirror?.takeFailures().count == 1)
    #expect(fixture.mirror?.takeFailures().count == 0)
    store.isDown = false
    try fixture.run("INSERT INTO t VALUES(2)")
    #expect(fixture.mirror?.takeFailures().count == 0)
    #expect(fixture.mirror?.status().stored == 3)
    try fixture.close()
  }

  @Test func reportsTroubleOnceAndItsEnd() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    _ = fixture.mirror?.takeNotices()
    store.isDown = true
    try fixture.run("INSERT INTO t VALUES(1)")
    var told: [String] = []
    try Poll.until {
      told += fixture.mirror?.takeNotices() ?? []
      return !told.isEmpty
    }
    wait(0.5)
    #expect(fixture.mirror?.takeNotices() == [])
    #expect(told.count == 1 && told[0].contains("trying again"))
    store.isDown = false
    try fixture.flush()
    #expect(fixture.mirror?.takeNotices() == ["mirror: the store answers again"])
    try fixture.close()
  }

  @Test func warnsOfALogThatGrows() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.logWarning = 50_000
    store.isDown = true
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 0..<30 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    let told = fixture.mirror?.takeNotices() ?? []
    #expect(told.filter { $0.contains("has grown to") }.count == 1)
    store.isDown = false
    try fixture.close()
  }

  @Test func doesNotMirrorUnsuitableDatabases() throws {
    let memory = try Connection(":memory:")
    let mirror = ReplicationObserver(store: MemoryStore(), settings: MirrorSettings())
    let error = thrown(MirrorError.self) { try mirror.attach(to: memory) }
    #expect(error?.code == .unsuitable)
  }
}
