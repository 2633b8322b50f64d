import Files
@testable import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests settings and copies with effects outside the log.
@Suite struct SettingsTests {
  private func expectEqual(_ fixture: MirrorFixture) throws {
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func anotherJournalModeSuspendsTheMirrorAndWALBringsItBack() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.run("PRAGMA journal_mode=DELETE; INSERT INTO t VALUES(2)")
    #expect(fixture.mirror?.isOn == false)
    #expect(fixture.mirror?.takeNotices().contains { $0.contains("journal mode is delete") } == true)
    try fixture.run("PRAGMA page_size=8192; VACUUM; PRAGMA journal_mode=WAL; INSERT INTO t VALUES(3)")
    #expect(fixture.mirror?.isOn == true)
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
  }

  @Test func endingWhileSuspendedReportsMissingCommits() throws {
    let fixture = try MirrorFixture()
    fixture.settings.durability = .sync
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.run("PRAGMA journal_mode=TRUNCATE; INSERT INTO t VALUES(2)")
    #expect(fixture.mirror?.takeFailures().count == 1)
    let error = thrown(MirrorError.self) { try fixture.close() }
    #expect(error?.message.contains("journal mode is truncate") == true)
  }

  @Test func anExclusiveLockingModeSuspendsTheMirror() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); PRAGMA locking_mode=EXCLUSIVE; INSERT INTO t VALUES(1)")
    #expect(fixture.mirror?.isOn == false)
    try fixture.run("PRAGMA locking_mode=NORMAL; SELECT * FROM t; INSERT INTO t VALUES(2)")
    #expect(fixture.mirror?.isOn == true)
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
  }

  @Test func aDatabaseReplacedByAnotherFileIsNoLongerMirrored() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let before = try fixture.restore(.wal)
    for suffix in ["", "-wal", "-shm"] { try Folder.remove(fixture.path + suffix) }
    try Poll.until { fixture.mirror?.isOn == false }
    let notices = fixture.mirror?.takeNotices()
    #expect(notices?.contains { $0.contains("was removed") } == true, "\(notices ?? [])")
    fixture.abandon()
    #expect(try content(before).count == 2)
  }

  @Test(arguments: [512, 1024, 2048, 8192, 16384, 32768, 65536])
  func everyPageSizeIsMirrored(_ size: Int) throws {
    let fixture = try MirrorFixture()
    fixture.settings.checkpointFrames = 30
    try fixture.open()
    try fixture.run("PRAGMA page_size=\(size); PRAGMA auto_vacuum=\(size % 3); CREATE TABLE t(a, b)")
    for round in 0..<20 {
      try fixture.run(
        "INSERT INTO t VALUES(\(round), zeroblob(\(round * 700))); DELETE FROM t WHERE a = \(round - 5)")
    }
    try fixture.run("VACUUM")
    try fixture.close()
    try expectEqual(fixture)
    // The page size changes while the replica exists.
    let plain = try Connection(fixture.path)
    try plain.execute("PRAGMA journal_mode=DELETE; PRAGMA page_size=4096; VACUUM; PRAGMA journal_mode=WAL")
    plain.close()
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(99, 1)")
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
  }

  /// The record names the last entry at each end, even if a reader prevents a copy of the log.
  @Test func anotherProgramMayWriteAfterAnEndBesideAReader() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let other = try Connection(fixture.path)
    try other.execute("BEGIN; SELECT * FROM t")
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.close()
    try other.execute(
      "COMMIT; INSERT INTO t VALUES(4); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES(5)")
    other.close()
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(6)")
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
  }

  /// A new generation leaves no parts of an incomplete transaction behind.
  @Test func anotherProgramMayWriteAfterAKillBetweenTwoParts() throws {
    let store = MemoryStore()
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let record = try fixture.bytes(PositionFile.path(of: fixture.path))
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(randomblob(20000000))")
    try fixture.flush()
    fixture.abandon()
    // The session was killed after the first part, before it wrote its record again.
    for object in try store.listAll(prefix: "") {
      let isLater = Place(key: object.key.name).map { $0.part > 1 } ?? false
      let isBatch = BatchName(key: object.key.name).map { $0.transactions.upperBound > 2 } ?? false
      if isLater || isBatch || object.key.name == ReplicaLayout.lease { try store.delete(object.key) }
    }
    let file = try File(PositionFile.path(of: fixture.path), .readWrite)
    try file.write(record, at: 0)
    try file.truncate(to: record.count)
    let other = try Connection(fixture.path)
    try other.execute("PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES(2)")
    other.close()
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
  }

  @Test func aDatabaseRolledBackToAnOlderCopyIsRefused() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.close()
    let old = try fixture.bytes(fixture.path)
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    let file = try File(fixture.path, .readWrite)
    try file.write(old, at: 0)
    try file.truncate(to: old.count)
    // The replica is the better copy, so only an order leaves it behind.
    try fixture.open()
    let error = thrown(MirrorError.self) { try fixture.close() }
    #expect(error?.code == .refused && error?.message.contains("is 1 transaction ahead of") == true)
    fixture.abandon()
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
    var target = RestoreTarget()
    target.transaction = 3
    #expect(try content(fixture.restore(.wal, "three.db", target)).contains { $0.contains("2") })
  }

  @Test func transactionsThatBeginImmediatelyAreReplayed() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); BEGIN IMMEDIATE; INSERT INTO t VALUES(1); COMMIT")
    try fixture.run("/* now */ BEGIN EXCLUSIVE; INSERT INTO t VALUES(2); INSERT INTO t VALUES(3); END")
    try fixture.close()
    try expectEqual(fixture)
  }

  /// SQLite reports a backup's commit only at the end of some later statement.
  @Test(arguments: [true, false]) func aBackupIntoTheDatabaseIsABarrier(_ captured: Bool) throws {
    let fixture = try MirrorFixture()
    let connection = try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    let other = try Connection(fixture.folder.path + "/other.db")
    try other.execute("CREATE TABLE z(q); INSERT INTO z VALUES(1),(2)")
    #expect(try Backup.copy(other, "main", to: connection, "main") == .done)
    other.close()
    if captured { try Poll.until { fixture.mirror?.status().captured == 3 } }
    try fixture.run("INSERT INTO z VALUES(3); INSERT INTO z VALUES(4)")
    try fixture.close()
    try expectEqual(fixture)
    var restore = Restore(ReplicaCatalog(fixture.store))
    restore.force = true
    // Only the copied transaction comes from the log.
    #expect(try restore.run(.sql, to: fixture.folder.path + "/s.db").statements == 2)
  }
}
