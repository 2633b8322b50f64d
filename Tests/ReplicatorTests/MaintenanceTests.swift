import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Replicator

/// Tests that history stays short to restore, and bounded.
@Suite struct MaintenanceTests {
  private func contents(_ fixture: MirrorFixture) throws -> GenerationContents {
    let catalog = ReplicaCatalog(fixture.store)
    // This is no test requirement, because some callers poll until there is one.
    guard let last = try catalog.generations().last else { throw NoGeneration() }
    return try catalog.contents(of: last, .everything)
  }

  private struct NoGeneration: Error {}

  private func expectEqual(_ fixture: MirrorFixture) throws {
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  @Test func mergesSmallSlicesAndKeepsEveryCommit() throws {
    let fixture = try MirrorFixture()
    fixture.settings.checkpointFrames = 20
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    for number in 1...150 {
      try fixture.run("INSERT INTO t VALUES(\(number), hex(randomblob(20)))")
      try fixture.flush()
    }
    try fixture.close()
    let contents = try contents(fixture)
    #expect(contents.slices.count > 150)
    let chain = try contents.chain(after: 0)
    #expect(chain.end == 151)
    #expect(chain.objects.count < 40, "\(chain.objects.count)")
    #expect(contents.longestBatches.count < 40)
    try expectEqual(fixture)
    // Without replaced objects, every transaction is still there.
    for slice in contents.slices where !chain.objects.contains(slice) {
      try fixture.store.delete(ObjectKey(slice.key))
    }
    for batch in contents.batches.keys where !contents.longestBatches.contains(batch) {
      try fixture.store.delete(ObjectKey(batch.key(in: contents.generation)))
    }
    for transaction: UInt64 in [1, 2, 17, 63, 64, 65, 100, 150, 151] {
      var target = RestoreTarget()
      target.transaction = transaction
      let path = try fixture.restore(.wal, "t.db", target)
      let restored = try Connection(path)
      #expect(try restored.value("SELECT count(*) FROM t") == .integer(Int64(transaction) - 1))
      restored.close()
      #expect(try content(path) == content(fixture.restore(.sql, "s.db", target)))
    }
    // A later run continues from merged objects.
    try fixture.open()
    try fixture.run("DELETE FROM t WHERE a % 3 = 0")
    try fixture.close()
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
    try expectEqual(fixture)
  }

  @Test func mergesAcrossShortRuns() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.close()
    for number in 0..<40 {
      try fixture.open()
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.close()
    }
    let contents = try contents(fixture)
    #expect(try contents.chain(after: 0).objects.count < 24)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
    try expectEqual(fixture)
  }

  @Test func aDamagedSliceFoundWhileMergingBeginsANewGeneration() throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 0..<4 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
    }
    try fixture.close()
    let slice = try #require(try contents(fixture).slices.dropFirst().first).key
    try fixture.store.put(ObjectKey(slice), [1, 2, 3], .always)
    try fixture.open()
    var notices: [String] = []
    try Poll.until(seconds: 240) {
      try? fixture.run("INSERT INTO t VALUES(5)")
      try? fixture.flush()
      notices += fixture.mirror?.takeNotices() ?? []
      return notices.contains { $0.contains("damaged") && $0.contains(slice) }
    }
    try fixture.close()
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
    try expectEqual(fixture)
  }

  @Test func writesABaseOnceTheLogHasOutgrownTheDatabase() throws {
    let fixture = try MirrorFixture()
    fixture.settings.baseBytes = 1 << 20
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE u(c)")
    try fixture.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
        + "INSERT INTO t SELECT i, hex(randomblob(400)) FROM n")
    try Poll.until {
      try? fixture.run("UPDATE t SET b = hex(randomblob(400)); INSERT INTO u VALUES(1)")
      return (try? contents(fixture).bases.count) ?? 0 >= 3
    }
    try fixture.close()
    try expectEqual(fixture)
    let bases = try contents(fixture).bases.map(\.transaction)
    for base in bases {
      var target = RestoreTarget()
      target.transaction = base
      _ = try fixture.restore(.wal, "t.db", target)
    }
  }

  /// After a checkpoint, the next commit restarts the log while a base is still read from it.
  @Test func aBaseOutlivesTheRestartOfTheLog() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.partBytes = 64 << 10
    fixture.settings.checkpointFrames = 50
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.run(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        + "INSERT INTO t SELECT i, hex(randomblob(400)) FROM n")
    try fixture.flush()
    // This statement writes nothing. Everything is copied before it, and the log may be restarted.
    try fixture.run("UPDATE t SET b = 'x' WHERE 0")
    store.latency = 0.03
    let path = fixture.path
    let isDone = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.1)
      if let other = try? Connection(path) {
        for number in 0..<20 {
          try? other.execute("UPDATE t SET b = hex(randomblob(400)) WHERE a % 20 = \(number)")
        }
        other.close()
      }
      isDone.signal()
    }
    try fixture.mirror?.snapshot()
    isDone.wait()
    store.latency = 0
    try fixture.close()
    try expectEqual(fixture)
    #expect(try ReplicaCatalog(store).generations().count == 1)
  }

  /// A base with all pages read does not block the log, even if the store is slow.
  @Test func theLogStaysShortWhileABaseIsOnItsWay() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.checkpointFrames = 10
    fixture.settings.logLimit = 64 << 10
    fixture.settings.baseBytes = 64 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.flush()
    store.latency = 1.5
    for number in 1...20 { try fixture.run("INSERT INTO t VALUES(-\(number), hex(randomblob(200)))") }
    try Poll.until { fixture.mirror?.status().baseBytes ?? 0 > 0 }
    for number in 1...300 {
      try fixture.run("INSERT INTO t VALUES(\(number), hex(randomblob(200)))")
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.002)
    }
    #expect(fixture.mirror?.status().baseBytes ?? 0 > 0)
    let length = try #require(try FileInfo.of(fixture.path + "-wal")).size
    #expect(length < 700 << 10, "\(length)")
    store.latency = 0
    try fixture.close()
    try expectEqual(fixture)
    #expect(try contents(fixture).bases.count > 1)
  }

  @Test func basesTakeAQuarterOfTheTimeAtMost() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.baseBytes = 64 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    func fill(until isDone: () -> Bool) throws {
      try Poll.until(seconds: 60) {
        try? fixture.run("INSERT INTO t VALUES(hex(randomblob(2000)))")
        return isDone()
      }
    }
    func bases() -> Int { (try? contents(fixture).bases.count) ?? 0 }
    store.latency = 0.2
    try fill { fixture.mirror?.status().baseBytes ?? 0 > 0 }
    try fill { fixture.mirror?.status().baseBytes == 0 }
    store.latency = 0
    // The base took three requests: a part, a manifest and a listing.
    let end = Clock.monotonicSeconds + 1.2
    try fill { Clock.monotonicSeconds > end }
    #expect(bases() == 2)
    try fill { bases() > 2 }
    try fixture.close()
    try expectEqual(fixture)
  }

  @Test func prunesWhatNoRestoreWithinTheTimeNeeds() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.mirror?.snapshot()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.mirror?.snapshot()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.flush()
    let before = try fixture.store.listAll(prefix: "").count
    #expect(try contents(fixture).bases.map(\.transaction) == [0, 2, 3])
    // All of it is less than an hour old.
    #expect(try fixture.mirror?.prune(keeping: 3600, dryRun: false).objects.count == 0)
    #expect(try fixture.store.listAll(prefix: "").count == before)
    #expect(try fixture.mirror?.prune(keeping: 0, dryRun: true).bases == 2)
    #expect(try fixture.store.listAll(prefix: "").count == before)
    #expect(try fixture.mirror?.prune(keeping: 0, dryRun: false).bases == 2)
    #expect(try contents(fixture).bases.map(\.transaction) == [3])
    #expect(try contents(fixture).chain(after: 3).end == 4)
    try fixture.close()
    try expectEqual(fixture)
    var target = RestoreTarget()
    target.transaction = 2
    #expect(throws: RestoreError.self) { try fixture.restore(.wal, "t.db", target) }

    // A newer generation replaces the old one, but only when it can be restored.
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.flush()
    fixture.settings.newGeneration = false
    #expect(try fixture.mirror?.prune(keeping: 0, dryRun: false).generations.count == 1)
    try fixture.run("INSERT INTO t VALUES(4)")
    try fixture.close()
    #expect(try ReplicaCatalog(fixture.store).generations().count == 2)
    #expect(
      try fixture.store.listAll(prefix: "generations/00000001").allSatisfy { $0.key.name.contains("/wal/") })
    try expectEqual(fixture)
  }

  @Test func statementsThatWereNeverStoredBecomeBarriers() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.close()
    let before = try contents(fixture)
    let last = try #require(before.longestBatches.last)
    try fixture.store.delete(ObjectKey(last.key(in: before.generation)))
    // Otherwise nothing is listed before there is something to merge.
    try Folder.remove(fixture.path + "-s3pos")
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.close()
    let after = try contents(fixture)
    #expect(after.batchesReach(backFrom: 4) == 0)
    try expectEqual(fixture)
    var verification = Restore(ReplicaCatalog(fixture.store))
    verification.force = true
    #expect(try verification.run(.sql, to: fixture.folder.path + "/s.db").statements == 1)
  }

  @Test func neverPrunesTheLastStateThatCanBeRestored() throws {
    let store = MemoryStore()
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.mirror?.snapshot()
    // The newer base has lost a part.
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.mirror?.snapshot()
    let catalog = ReplicaCatalog(store)
    let generation = try #require(catalog.generations().last)
    let base = try #require(try catalog.contents(of: generation).bases.first { $0.transaction == 3 })
    let newest = try catalog.manifest(generation, base)
    try store.delete(ObjectKey(ReplicaLayout.part(try #require(newest.parts.first).digest)))
    let done = try fixture.mirror?.prune(keeping: 0, dryRun: false)
    #expect(done?.objects.count == 0)
    #expect(done?.notices.count == 1)
    #expect(try contents(fixture).bases.map(\.transaction) == [0, 2, 3])
    fixture.abandon()
  }

  /// A kill between a slice and its batch leaves a gap, and even the shortest later session fills
  /// it.
  @Test(arguments: [false, true]) func aShortSessionFillsTheGapThatAKillLeft(_ isFork: Bool) throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 1.5
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    try fixture.run("INSERT INTO t VALUES(1)")
    try Poll.until { fixture.mirror?.status().stored == 2 }
    try Poll.until {
      let record = try? PositionRecord(fixture.bytes(PositionFile.path(of: fixture.path)), object: "record")
      return record?.transaction == 2
    }
    fixture.abandon()
    let first = try contents(fixture)
    #expect(first.batchesReach(from: 0) == 1)
    fixture.settings.newGeneration = isFork
    try fixture.open()
    if isFork { try fixture.run("INSERT INTO t VALUES(2)") }
    try fixture.close()
    let generation = first.generation
    let after = try ReplicaCatalog(fixture.store).contents(of: generation, .everything)
    #expect(after.batchesReach(from: 0) == 2)
  }

  /// A record that another thread writes while entries are stored names one moment: the place and the state before it.
  @Test func recordsNameAPlaceAndTheStateBeforeIt() throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    let recorder = try #require(fixture.mirror?.pipeline).recorder
    let file = PositionFile.path(of: fixture.path)
    let isOver = DispatchSemaphore(value: 0)
    let wrong = Mutex<[PositionRecord]>([])
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      while isOver.wait(timeout: .now()) != .success {
        recorder.save(syncs: false)
        guard let bytes = try? File(file, .read).readAll(),
          let record = try? PositionRecord(bytes, object: "record"),
          record.place.part == 1, record.place.transaction != record.transaction + 1
        else { continue }
        wrong.withLock { $0.append(record) }
      }
    }
    for number in 0..<600 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    try fixture.flush()
    isOver.signal()
    group.wait()
    #expect(wrong.withLock { $0.isEmpty })
    try fixture.close()
  }
}
