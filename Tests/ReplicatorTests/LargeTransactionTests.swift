import Files
import Replicator
import ObjectStore
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests transactions larger than any buffer between SQLite's log and the store.
@Suite struct LargeTransactionTests {
  /// Inserts about `bytes` bytes in rows of a megabyte at most, in one transaction.
  private func insert(_ bytes: Int, into fixture: MirrorFixture) throws {
    let row = min(bytes, 1_000_000)
    try fixture.run(
      """
      BEGIN;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(max(bytes / row, 1)))
      INSERT INTO t(x) SELECT randomblob(\(row)) FROM n;
      COMMIT
      """)
  }

  private func expectRestored(_ fixture: MirrorFixture, _ comment: Comment) throws {
    let sum = "SELECT count(*) || ' ' || sum(length(x)) FROM t"
    let expected = try value(sum, fixture.path)
    #expect(try value(sum, fixture.restore(.wal)) == expected, comment)
    #expect(try value(sum, fixture.restore(.sql)) == expected, comment)
  }

  private func value(_ sql: String, _ path: String) throws -> Value? {
    let connection = try Connection(path)
    defer { connection.close() }
    return try connection.value(sql)
  }

  /// Sizes around two limits: a flush reads 64 MiB of log at once, and the queue holds 32 MiB.
  @Test(arguments: [3, 66]) func areInTheStoreWhenAFlushReturns(_ megabytes: Int) throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(i INTEGER PRIMARY KEY, x)")
    try insert(megabytes * 1_000_000, into: fixture)
    try fixture.flush()
    #expect(fixture.mirror?.status().stored == 2)
    #expect(fixture.mirror?.status().lagFrames == 0)
    try fixture.run("INSERT INTO t(x) VALUES('small')")
    try fixture.close()
    try expectRestored(fixture, "\(megabytes) MB")
  }

  /// Does the same as `.exit`, right after two commits that fill the buffers together.
  @Test func areInTheStoreWhenTheMirrorEnds() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(i INTEGER PRIMARY KEY, x)")
    for _ in 0..<2 { try insert(40_000_000, into: fixture) }
    try fixture.close()
    try expectRestored(fixture, "two of 40 MB")
  }

  /// A `sync` commit of any size returns when it is stored: the mirror is abandoned right after it.
  @Test func areStoredWhenASyncCommitReturns() throws {
    let fixture = try MirrorFixture()
    fixture.settings.durability = .sync
    try fixture.open()
    try fixture.run("CREATE TABLE t(i INTEGER PRIMARY KEY, x)")
    try fixture.run("INSERT INTO t(x) VALUES('small')")
    try insert(70_000_000, into: fixture)
    #expect(fixture.mirror?.takeFailures() == [])
    #expect(fixture.mirror?.status().stored == 3)
    let restored = try value("SELECT count(*) FROM t", fixture.restore(.wal))
    fixture.abandon()
    #expect(restored == .integer(71))
  }

  /// Parts of a large transaction are stored before their generation's base, and must not claim the
  /// base.
  @Test func claimsNoBaseThatIsNotStored() throws {
    let memory = MemoryStore()
    let fixture = try MirrorFixture(memory)
    try fixture.open()
    try fixture.run("CREATE TABLE t(i INTEGER PRIMARY KEY, x); INSERT INTO t(x) VALUES('first')")
    try fixture.close()
    // The next session cannot continue the replica, and its base does not arrive.
    let plain = try Connection(fixture.path)
    try plain.execute("PRAGMA journal_mode=DELETE; INSERT INTO t(x) VALUES('elsewhere')")
    plain.close()
    let next = try MirrorFixture(BaselessStore(base: memory), path: fixture.path)
    try next.open()
    try insert(20_000_000, into: next)
    // Small slices are not merged either.
    let slices = {
      try memory.listAll(prefix: "generations/00000002").map(\.key.name).filter { $0.contains("/wal/") }
    }
    for number in 0..<40 {
      let before = try slices().count
      try next.run("INSERT INTO t(x) VALUES(\(number))")
      try Poll.until { (try? slices().count) != before }
    }
    next.abandon()
    for object in try memory.listAll(prefix: "generations/00000002") where object.key.name.contains("/wal/") {
      let slice = try SliceReader(memory.get(object.key).bytes, object: object.key.name)
      #expect(slice.header.acknowledged == 0, "\(object.key.name)")
    }
    #expect(try value("SELECT count(*) FROM t", fixture.restore(.wal)) == .integer(1))
  }

  /// Random sizes of all orders of magnitude, with some small transactions between them.
  ///
  /// They range from one page to 30 MB, or 300 MB in long runs.
  @Test func ofAnySizeComeBack() throws {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    let largest = Double(Seeded.rounds(30_000_000, 300_000_000))
    for _ in 0..<Seeded.rounds(1, 6) {
      let fixture = try MirrorFixture()
      fixture.settings.durability = Bool.random(using: &random) ? .sync : .async
      fixture.settings.flushTimeout = 120
      try fixture.open()
      try fixture.run("CREATE TABLE t(i INTEGER PRIMARY KEY, x)")
      for _ in 0..<4 {
        let size = 4096 * Double.random(in: 0...1, using: &random).power(of: largest / 4096)
        try insert(Int(size), into: fixture)
        if Bool.random(using: &random) { try insert(100, into: fixture) }
        if Bool.random(using: &random) { try fixture.flush() }
      }
      #expect(fixture.mirror?.takeFailures() == [], about)
      try fixture.close()
      try expectRestored(fixture, about)
    }
  }
}

extension Double {
  /// Returns `base` to the power of this number.
  fileprivate func power(of base: Double) -> Double {
    var result = 1.0
    var factor = base
    var left = self
    // Square roots of the base for the binary digits of the exponent.
    for _ in 0..<30 {
      factor = factor.squareRoot()
      left *= 2
      if left >= 1 {
        result *= factor
        left -= 1
      }
    }
    return result
  }
}

/// Refuses the manifests of bases.
private struct BaselessStore: ForwardingStore {
  let base: any ObjectStore

  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    guard !key.name.contains("/base/") else {
      throw ObjectStoreError(.unreachable, verb: "put", object: key.name, cause: "not today")
    }
    return try base.put(key, bytes, condition)
  }
}
