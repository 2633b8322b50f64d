import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Synchronization
import TestSupport
import Testing

/// Tests that an interrupted restore continues at its end, and leaves other files alone.
@Suite struct ResumeTests {
  private let store = FaultyStore(MemoryStore())
  private let fixture: MirrorFixture

  init() throws {
    fixture = try MirrorFixture(store)
    // A base of many parts, and many slices.
    fixture.settings.partBytes = 64 << 10
    fixture.settings.syncInterval = 0
    fixture.settings.mergesObjects = false
    let plain = try Connection(fixture.path)
    try plain.execute(
      "CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
        + "INSERT INTO t SELECT i, hex(randomblob(200)) FROM n")
    plain.close()
    try fixture.open()
    for number in 0..<20 {
      try fixture.run("UPDATE t SET b = b || 'x' WHERE a % 20 = \(number)")
      try fixture.flush()
    }
    try fixture.close()
  }

  private func restore(patience: Double = 10) -> Restore {
    var restore = Restore(ReplicaCatalog(store))
    restore.patience = patience
    restore.force = true
    return restore
  }

  private var output: String { fixture.folder.path + "/restored.db" }
  private var work: String { output + ".restoring" }

  /// Interrupts a restore after `requests` requests; returns the error.
  private func cutOff(after requests: Int, _ source: Restore.Source = .wal) throws -> ObjectStoreError? {
    let first = store.calls(.get) + requests
    for nth in first..<first + 2000 { store.plan(.refuse(.unreachable), for: .get, at: nth) }
    defer { for nth in first..<first + 2000 { store.plan(.delay(seconds: 0), for: .get, at: nth) } }
    return thrown(ObjectStoreError.self) {
      try restore(patience: 0.2).run(source, to: output)
    }
  }

  @Test(arguments: [Restore.Source.wal, .sql]) func doesNotFetchObjectsAgain(_ source: Restore.Source)
    throws
  {
    let before = store.calls(.get)
    _ = try restore().run(source, to: output)
    let whole = store.calls(.get) - before
    #expect(whole > 15)
    let expected = try fixture.bytes(output)
    try Folder.remove(output)
    let old = try Connection(output)
    try old.execute("CREATE TABLE mine(x); INSERT INTO mine VALUES('untouched')")
    old.close()
    let untouched = try fixture.bytes(output)

    let error = try cutOff(after: whole * 2 / 3, source)
    #expect(error?.cause.contains("continues from there") == true, "\(String(describing: error))")
    #expect(try fixture.bytes(output) == untouched)
    #expect(FileInfo.exists(work))

    let again = store.calls(.get)
    _ = try restore().run(source, to: output)
    #expect(store.calls(.get) - again < whole)
    #expect(try fixture.bytes(output) == expected)
    #expect(!FileInfo.exists(work))
  }

  @Test func doesNotTrustWhatItFinds() throws {
    let before = store.calls(.get)
    _ = try restore().run(.wal, to: output)
    let expected = try fixture.bytes(output)
    _ = try cutOff(after: store.calls(.get) - before - 5)
    var random = Seeded()
    var damaged = 0
    for name in try Folder.filesRecursively(in: work) where name != "lock" && name != "plan" {
      let file = try File("\(work)/\(name)", .readWrite)
      let size = try file.size()
      guard size > 0 else { continue }
      let at = Int.random(in: 0..<size, using: &random)
      try file.write([try file.read(at: at, count: 1)[0] ^ 1], at: at)
      damaged += 1
    }
    #expect(damaged > 1, "seed \(random.seed)")
    _ = try restore().run(.wal, to: output)
    #expect(try fixture.bytes(output) == expected, "seed \(random.seed)")
  }

  @Test func startsAgainForAnotherBase() throws {
    _ = try cutOff(after: 20)
    try fixture.open()
    try fixture.run("DELETE FROM t WHERE a % 2 = 0; VACUUM")
    try #require(fixture.mirror).snapshot()
    try fixture.run("INSERT INTO t VALUES('after', 1)")
    try fixture.close()
    _ = try restore().run(.wal, to: output)
    #expect(try fixture.bytes(output) == fixture.bytes(fixture.path))
  }

  @Test func fetchesInPiecesWhatDidNotArriveWhole() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    let plain = try Connection(fixture.path)
    try plain.execute("CREATE TABLE t(a); INSERT INTO t VALUES(randomblob(5000000))")
    plain.close()
    try fixture.open()
    try fixture.close()
    // The lease, the mark, the manifest, then one part of five megabytes: whole, then in pieces.
    let before = store.calls(.get)
    for nth in [4, 6, 8] { store.plan(.refuse(.damaged), for: .get, at: before + nth) }
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    let gets = store.calls(.get) - before
    #expect(gets == 1 + 1 + 1 + 1 + 5 + 2)
  }

  @Test func fetchesDamagedObjectsAgain() throws {
    let before = store.calls(.get)
    store.plan(.truncate(to: 100), for: .get, at: before + 5)
    _ = try restore().run(.wal, to: output)
    #expect(try fixture.bytes(output) == fixture.bytes(fixture.path))
  }

  @Test func asksForRoomBeforeAnythingIsFetched() throws {
    var restore = restore()
    restore.freeBytes = { _ in 1 << 20 }
    let error = thrown(RestoreError.self) { try restore.run(.wal, to: output) }
    #expect(error?.code == .space)
    let report = try restore.plan(.wal, to: output)
    #expect(
      error?.message.contains("\(report.needed) bytes are needed in \(fixture.folder.path), 1048576 are free")
        == true)
    #expect(try Folder.names(in: fixture.folder.path) == ["a.db", "a.db-s3pos"])
    restore.freeBytes = { _ in report.needed }
    _ = try restore.run(.wal, to: output)
    #expect(try Int(fixture.bytes(output).count) == report.size)
  }

  @Test func stopsAtCtrlC() throws {
    let old = try Connection(output)
    try old.execute("PRAGMA journal_mode=WAL; CREATE TABLE mine(x); INSERT INTO mine VALUES('in the log')")
    old.disableCheckpointOnClose()
    old.close()
    let untouched = try fixture.bytes(output)
    let polls = Atomic(0)
    for limit in [1, 5, 25, 60] {
      var restore = restore()
      polls.store(0, ordering: .relaxed)
      restore.isInterrupted = { polls.add(1, ordering: .relaxed).newValue > limit }
      let error = thrown(RestoreError.self) { try restore.run(.sql, to: output) }
      #expect(error?.code == .interrupted)
      #expect(try fixture.bytes(output) == untouched)
    }
    _ = try restore().run(.sql, to: output)
    #expect(try content(output) == content(fixture.path))
  }

  @Test func refusesToReplaceWhatAnotherHasOpen() throws {
    let open = try Connection(output)
    try open.execute("PRAGMA journal_mode=WAL; CREATE TABLE mine(x)")
    let error = thrown(RestoreError.self) { try restore().run(.wal, to: output) }
    #expect(error?.code == .busy)
    try open.execute("INSERT INTO mine VALUES('still there')")
    open.close()
    _ = try restore().run(.wal, to: output)
    #expect(try fixture.bytes(output) == fixture.bytes(fixture.path))
  }

  /// The next start knows a copied and unchanged database without a read of it.
  @Test func knowsADatabaseThatOnlyHasABase() throws {
    let fixture = try MirrorFixture()
    let plain = try Connection(fixture.path)
    try plain.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    plain.close()
    func record() throws -> PositionRecord {
      let name = fixture.path + "-s3pos"
      return try PositionRecord(fixture.bytes(name), object: name)
    }
    func expectKnown() throws {
      let found = try #require(try FileInfo.of(fixture.path))
      let stamp = PositionRecord.FileStamp(
        size: found.size, modifiedNs: found.modifiedNs, inode: found.inode)
      #expect(try record().isAtRest && record().file == stamp)
    }
    try fixture.open()
    try fixture.close()
    try expectKnown()
    // After a read, because the record was lost, it is known again.
    try File(fixture.path + "-s3pos", .readWrite).truncate(to: 0)
    try fixture.open()
    try fixture.close()
    try expectKnown()
    // It is not known while a commit is in the log only.
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(2)")
    try fixture.flush()
    fixture.abandon()
    #expect(try !record().isAtRest || record().transaction < 2)
    try fixture.open()
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
  }
}
