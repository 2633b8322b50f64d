import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

@Suite struct MirrorTests {
  @Test func restoresTheVeryFileThatSQLiteCheckpoints() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b)")
    for number in 0..<200 { try fixture.run("INSERT INTO t(b) VALUES('row \(number * 7919 % 200)')") }
    try fixture.run("DELETE FROM t WHERE a % 3 = 0; UPDATE t SET b = b || '!' WHERE a % 5 = 0")
    try fixture.close()
    let restored = try fixture.restore(.wal)
    #expect(try fixture.bytes(restored) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql, "sql.db")) == content(fixture.path))
  }

  @Test func continuesAfterACleanEnd() throws {
    let fixture = try MirrorFixture()
    for round in 0..<4 {
      try fixture.open()
      try fixture.run("CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES(\(round))")
      try fixture.close()
    }
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func takesABaseOfADatabaseThatHasContent() throws {
    let fixture = try MirrorFixture()
    let plain = try Connection(fixture.path)
    try plain.execute(
      "CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) "
        + "INSERT INTO t SELECT i, randomblob(100) FROM n")
    plain.close()
    fixture.settings.partBytes = 256 << 10
    try fixture.open()
    try fixture.run("UPDATE t SET b = 'x' WHERE a % 100 = 0")
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func splitsATransactionTooLargeForOneObject() throws {
    let fixture = try MirrorFixture()
    fixture.settings.sliceBytes = 64 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a, b)")
    try fixture.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) "
        + "INSERT INTO t SELECT i, hex(i)||'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz' FROM n")
    try fixture.run("UPDATE t SET b = upper(b)")
    try fixture.close()
    let generation = try #require(try ReplicaCatalog(fixture.store).generations().first)
    let contents = try ReplicaCatalog(fixture.store).contents(of: generation)
    let parts = contents.slices.filter(\.isPart)
    #expect(!parts.isEmpty)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func survivesManyCheckpoints() throws {
    let fixture = try MirrorFixture()
    fixture.settings.checkpointFrames = 20
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    for number in 0..<300 {
      try fixture.run("INSERT INTO t(b) VALUES('row \(number)')")
      if number % 10 == 0 { try fixture.flush() }
    }
    let log = try #require(try FileInfo.of(fixture.path + "-wal"))
    #expect(log.size < 300 * 4096, "the log was never restarted")
    try fixture.close()
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func followsVacuumAndShrinking() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) "
        + "INSERT INTO t SELECT i, hex(zeroblob(50)) FROM n")
    try fixture.run("DELETE FROM t WHERE a > 100; VACUUM; INSERT INTO t SELECT a, 'again' FROM t")
    try fixture.run(
      "INSERT INTO t SELECT * FROM t; INSERT INTO t SELECT * FROM t; INSERT INTO t SELECT * FROM t")
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test(arguments: [512, 1024, 8192, 65536]) func keepsThePageSizeOfANewDatabase(_ size: Int) throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "PRAGMA page_size=\(size); PRAGMA auto_vacuum=1; CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let restored = try fixture.restore(.wal)
    #expect(try fixture.bytes(restored) == fixture.bytes(fixture.path))
    #expect(try Connection(restored).value("PRAGMA page_size") == .integer(Int64(size)))
    #expect(try Connection(restored).value("PRAGMA auto_vacuum") == .integer(1))
  }
}
