import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

@Suite struct FaultTests {
  private func expectRestores(_ fixture: MirrorFixture) throws {
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  private func generations(_ fixture: MirrorFixture) throws -> Int {
    try ReplicaCatalog(fixture.store).generations().count
  }

  @Test func continuesAfterACrashThatLeftTheLogBehind() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    // The store is unavailable when the session ends: the last commits stay in the log.
    store.isDown = true
    try fixture.run("INSERT INTO t VALUES(2); INSERT INTO t VALUES(3)")
    fixture.abandon()
    store.isDown = false
    #expect(try #require(try FileInfo.of(fixture.path + "-wal")).size > 0)
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(4)")
    try fixture.close()
    #expect(try generations(fixture) == 1)
    try expectRestores(fixture)
  }

  @Test func beginsAGenerationWhenTheDatabaseWasChangedMeanwhile() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let plain = try Connection(fixture.path)
    try plain.execute("INSERT INTO t VALUES(2)")
    plain.close()
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.close()
    #expect(try generations(fixture) == 2)
    try expectRestores(fixture)
  }

  @Test func capturesCommitsOfOtherConnections() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    let other = try Connection(fixture.path)
    other.setBusyTimeout(milliseconds: 50)
    for number in 0..<50 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try other.execute("INSERT INTO t VALUES(-\(number))")
      if number % 10 == 0 { try other.execute("PRAGMA wal_checkpoint(TRUNCATE)") }
    }
    other.close()
    try fixture.run("INSERT INTO t VALUES(1000)")
    try fixture.close()
    #expect(try generations(fixture) == 1)
    try expectRestores(fixture)
  }

  @Test func distinguishesALostAnswerFromAnotherWriter() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    for nth in 1...5 { store.plan(.loseAnswer, for: .put, at: nth) }
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    #expect(try generations(fixture) == 1)
    try expectRestores(fixture)
  }

  @Test func catchesUpWhenTheStoreReturns() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    store.isDown = true
    for number in 0..<100 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    try Poll.until { fixture.mirror?.status().lastError != nil }
    store.isDown = false
    try fixture.close()
    try expectRestores(fixture)
  }

  @Test func refusesToMirrorAnEmptyDatabaseOverAReplica() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let before = try fixture.restore(.wal)
    let kept = try fixture.bytes(before)
    for suffix in ["", "-wal", "-shm", "-s3pos"] { try Folder.remove(fixture.path + suffix) }
    try fixture.open()
    try fixture.run("CREATE TABLE u(b)")
    let error = thrown(MirrorError.self) { try fixture.close() }
    #expect(error?.code == .refused)
    #expect(try fixture.bytes(fixture.restore(.wal)) == kept)
  }

  @Test func restoresEveryTransaction() throws {
    let fixture = try MirrorFixture()
    fixture.settings.checkpointFrames = 10
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 1...30 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      if number % 7 == 0 { try fixture.flush() }
      if number == 15 { try fixture.mirror?.snapshot() }
    }
    try fixture.close()
    for number in 1...30 {
      var target = RestoreTarget()
      target.transaction = UInt64(number + 1)
      for source in [Restore.Source.wal, .sql] {
        let restored = try Connection(fixture.restore(source, "t.db", target))
        #expect(try restored.value("SELECT max(a) FROM t") == .integer(Int64(number)))
        restored.close()
      }
    }
  }

  @Test(arguments: ["base/", "pages/", "wal/", "sql/"]) func namesTheDamagedObject(_ kind: String) throws {
    let store = MemoryStore()
    let fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 0..<5 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
    }
    try fixture.close()
    let damaged = try #require(try store.listAll(prefix: "").first { $0.key.name.contains(kind) }?.key)
    var bytes = try store.get(damaged).bytes
    bytes[bytes.count / 2] ^= 1
    try store.put(damaged, bytes, .always)
    let source: Restore.Source = kind == "sql/" ? .sql : .wal
    let error = thrown(FormatError.self) { try fixture.restore(source) }
    #expect(error?.object == damaged.name)
    #expect(try FileInfo.of(fixture.folder.path + "/restored.db") == nil)
    // The object is missing now.
    try store.delete(damaged)
    #expect(throws: (any Error).self) {
      let restored = try fixture.restore(source)
      // The log replaces a missing statement batch.
      if kind == "sql/" {
        #expect(try content(restored) == content(fixture.path))
        throw CancellationError()
      }
    }
  }

  @Test func replacesADatabaseThatLeftItsLogBehind() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let output = fixture.folder.path + "/old.db"
    let old = try Connection(output)
    try old.execute("PRAGMA journal_mode=WAL; CREATE TABLE u(b); INSERT INTO u VALUES('in the log')")
    old.disableCheckpointOnClose()
    old.close()
    #expect(try #require(try FileInfo.of(output + "-wal")).size > 0)
    #expect(try fixture.bytes(fixture.restore(.wal, "old.db")) == fixture.bytes(fixture.path))
    #expect(try content(output) == content(fixture.path))
  }
}
