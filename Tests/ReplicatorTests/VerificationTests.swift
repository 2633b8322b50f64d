import Bytes
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests proofs of replicas that are right, and of some that are wrong.
@Suite struct VerificationTests {
  private let store = MemoryStore()
  private let fixture: MirrorFixture

  init() throws {
    fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 1...6 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
      if number == 3 { try #require(fixture.mirror).snapshot() }
    }
  }

  private func verify(_ live: Verification.Live? = nil, all: Bool = true) throws -> [Verification.Findings] {
    var verification = Verification(ReplicaCatalog(store))
    verification.isForAll = all
    verification.folder = fixture.path
    var found: [Verification.Findings] = []
    try verification.run(comparing: live) { found.append($0) }
    #expect(!FileInfo.exists(fixture.path + ".verifying"))
    return found
  }

  private var generation: GenerationID {
    get throws { try #require(try ReplicaCatalog(store).generations().last) }
  }

  private func live(_ transaction: UInt64) throws -> Verification.Live {
    let reader = try Connection(fixture.path, .readOnly)
    defer { reader.close() }
    return Verification.Live(transaction: transaction, content: try DatabaseContent(of: reader))
  }

  /// Replaces the statements of a transaction.
  private func forge(_ sql: String, transaction: UInt64) throws {
    let key = try ObjectKey(ReplicaCatalog(store).newest().batch(transaction))
    let script = try StatementScript(store.get(key).bytes, object: key.name).reader()
    let logged = try #require(try script.nextTransaction())
    var group = StatementGroup()
    group.settings = logged.settings
    let text = ByteBuffer()
    text.append(sql)
    group.append(text, changes: 1, error: nil)
    var builder = StatementBatchBuilder(generation: try generation)
    builder.add(group, transaction: transaction, time: logged.time, end: nil)
    try store.put(key, try #require(builder.seal()).bytes, .always)
  }

  @Test func findsNothingWrongWithAReplicaThatIsRight() throws {
    let found = try #require(try verify(live(7)).first)
    #expect(found.faults.isEmpty)
    #expect(found.proven.contains { $0.contains("equals the live database (1 tables, 6 rows") })
    #expect(
      found.proven.contains { $0.contains("7 statements of transactions 1 to 7 give the same content") })
    try fixture.close()
  }

  @Test func findsAReplicaThatIsNotTheDatabase() throws {
    try fixture.close()
    let plain = try Connection(fixture.path)
    try plain.execute("UPDATE t SET a = 'changed' WHERE a = 4")
    plain.close()
    let faults = try #require(try verify(live(7)).first).faults
    #expect(faults.map(\.cause) == ["the replica is not the live database: table t differs"])
    #expect(try verify(live(8)).first?.faults.isEmpty == false)
  }

  @Test func findsStatementsThatDoSomethingElse() throws {
    try fixture.close()
    try forge("INSERT INTO t VALUES(99)", transaction: 6)
    let faults = try #require(try verify().first).faults
    #expect(faults.count == 1)
    #expect(faults.first?.cause.contains("table t differs, first at row 5 (rowid 5)") == true, "\(faults)")

    // A restore with verification finds it too, before it replaces anything.
    let output = fixture.folder.path + "/restored.db"
    let old = try Connection(output)
    try old.execute("CREATE TABLE mine(x)")
    old.close()
    let untouched = try fixture.bytes(output)
    for source in [Restore.Source.wal, .sql] {
      var restore = Restore(ReplicaCatalog(store))
      restore.force = true
      restore.verifies = true
      let error = thrown(RestoreError.self) { try restore.run(source, to: output) }
      #expect(error?.code == .differs)
      #expect(try fixture.bytes(output) == untouched)
      restore.target.transaction = 5
      let report = try restore.run(source, to: fixture.folder.path + "/five.db")
      #expect(report.proof?.contains("WAL and statements give the same content (1 tables, 4 rows") == true)
    }
  }

  /// Without an option, a restore from statements compares its result with the log.
  @Test(arguments: [6, 7] as [UInt64])
  func provesStatementsAndNamesTheFirstWithAnotherResult(_ transaction: UInt64) throws {
    try fixture.close()
    let output = fixture.folder.path + "/restored.db"
    var restore = Restore(ReplicaCatalog(store))
    restore.proves = true
    _ = try restore.run(.sql, to: output)
    #expect(try content(output) == content(fixture.path))
    try forge("INSERT INTO t VALUES(99)", transaction: transaction)
    restore.force = true
    let error = thrown(RestoreError.self) { try restore.run(.sql, to: output) }
    #expect(error?.code == .differs)
    #expect(
      error?.message.contains(
        "transaction \(transaction), statement 1 (INSERT INTO t VALUES(99)) gives another content")
        == true, "\(error?.message ?? "")")
    #expect(try content(output) == content(fixture.path), "it was replaced")
    restore.proves = false
    _ = try restore.run(.sql, to: output)
    #expect(try content(output) != content(fixture.path))
  }

  @Test func namesTheStatementThatDiverges() throws {
    try fixture.close()
    try forge("UPDATE t SET a = a", transaction: 5)
    let faults = try #require(try verify().first).faults
    #expect(
      faults.first?.cause.hasPrefix("replay transaction 5, statement 1: it changed 3 rows") == true,
      "\(faults)")
  }

  @Test func findsABaseThatIsAnotherDatabase() throws {
    try fixture.close()
    let base = try #require(try ReplicaCatalog(store).newest().bases.first { $0.transaction == 4 })
    let name = base.key(in: try generation)
    let manifest = try ReplicaCatalog(store).manifest(generation, base)
    let other = BaseManifest(
      generation: manifest.generation, name: base, time: manifest.time,
      state: DatabaseState(
        pageSize: manifest.state.pageSize, pages: manifest.state.pages, checksum: Hash128(high: 1, low: 2)),
      parts: manifest.parts)
    try store.put(ObjectKey(name), other.bytes, .always)
    let faults = try #require(try verify().first).faults
    #expect(Set(faults.map(\.object)) == [name])
    // A restore that begins with this base rejects it too.
    let error = thrown(FormatError.self) { try fixture.restore(.wal) }
    #expect(error?.object == name)
  }

  @Test func reportsWhichTransactionsAreGone() throws {
    try fixture.close()
    let all = try store.listAll(prefix: "").map(\.key)
    for part in ["/sql/0000000000000003-", "/wal/0000000000000006.", "/base/0000000000000004"] {
      let key = try #require(all.first { $0.name.contains(part) })
      let bytes = try store.get(key).bytes
      try store.delete(key)
      let faults = try #require(try verify().first).faults
      if part.contains("base") {
        // Nothing is lost, because restores begin with the base before.
        #expect(faults.isEmpty)
      } else {
        #expect(faults.contains { key.name.hasPrefix($0.object) }, "\(part): \(faults)")
      }
      try store.put(key, bytes, .always)
    }
  }

  /// If the newest generation's base is gone, a restore of the newest state gets no older one.
  @Test func doesNotStepBackInSilence() throws {
    try fixture.close()
    let first = try generation
    let plain = try Connection(fixture.path)
    try plain.execute("INSERT INTO t VALUES('plain')")
    plain.close()
    try fixture.open()
    try fixture.flush()
    try fixture.close()
    let second = try generation
    #expect(first != second)
    let base = try #require(try ReplicaCatalog(store).newest().bases.first)
    #expect(base.transaction == 8)
    try store.delete(ObjectKey(base.key(in: second)))
    let error = thrown(FormatError.self) { try fixture.restore(.wal) }
    #expect(error?.description.contains("\(second)/base") == true, "\(String(describing: error))")
    var target = RestoreTarget()
    target.generation = first
    #expect(try content(fixture.restore(.wal, "a1.db", target)).count == 7)
    target = RestoreTarget()
    target.transaction = 7
    #expect(try content(fixture.restore(.sql, "a2.db", target)).count == 7)
    #expect(try verify(all: false).first?.faults.count == 1)
  }

  @Test func namesTheRangeOutsideOfWhichNothingIs() throws {
    try fixture.close()
    var target = RestoreTarget()
    target.transaction = 8
    let late = thrown(RestoreError.self) { try fixture.restore(.wal, "r.db", target) }
    #expect(
      late?.message.hasPrefix("transaction 8 cannot be restored: memory://store holds transactions 0 to 7")
        == true)
    target.transaction = nil
    target.time = 1_000_000
    let early = thrown(RestoreError.self) { try fixture.restore(.wal, "r.db", target) }
    #expect(early?.code == .range)
    #expect(
      early?.message.hasPrefix("1970-01-01T00:00:01.000000Z cannot be restored: memory://store holds 20")
        == true)
    target.time = .max
    #expect(try content(fixture.restore(.wal, "r.db", target)) == content(fixture.path))
  }

  @Test func restoresTheStateAtEveryTime() throws {
    let reader = ReplicaCatalog(store)
    try fixture.close()
    var times: [Int64] = []
    for slice in try reader.newest().slices where !slice.isMerged {
      times += try SliceReader(reader.read(slice.key), object: slice.key).commits.map(\.time)
    }
    #expect(times.count == 7)
    // The base may have a later time than commits at the very beginning.
    let began = try reader.manifest(generation, BaseName(0, id: .none)).time
    var target = RestoreTarget()
    for (index, time) in times.enumerated() {
      for (moment, rows) in [(time, index), (time - 1, index - 1)] where rows >= 0 && moment >= began {
        target.time = moment
        let restored = try Connection(fixture.restore(.wal, "t.db", target))
        #expect(try restored.value("SELECT count(*) FROM t") == .integer(Int64(rows)))
        restored.close()
      }
    }
  }

  /// A wrong map makes readers slower, or wrong if its copies are: it is named.
  @Test func namesWrongMaps() throws {
    let fixture = try MirrorFixture()
    fixture.settings.mapBytes = 0
    fixture.settings.partBytes = 256 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.run(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000) INSERT INTO t SELECT i, hex(randomblob(80)) FROM n"
    )
    try fixture.flush()
    try #require(fixture.mirror).snapshot()
    // The second base shares parts with the first.
    try fixture.run("UPDATE t SET b = 'x' WHERE a = 1")
    try fixture.flush()
    try #require(fixture.mirror).snapshot()
    try fixture.close()
    let catalog = ReplicaCatalog(fixture.store)
    let generation = try #require(catalog.generations().last)
    let bases = try catalog.newest().bases
    #expect(bases.count == 3)
    func faults() throws -> [String] {
      var verification = Verification(catalog)
      verification.folder = fixture.path
      var found: [String] = []
      try verification.run(comparing: nil) { found += $0.faults.map { "\($0.object): \($0.cause)" } }
      return found
    }
    #expect(try faults().isEmpty)
    for base in bases.dropFirst() {
      let key = try ObjectKey(BaseMap.key(of: base, in: generation))
      let right = try fixture.store.get(key).bytes
      let manifest = try catalog.manifest(generation, base)
      let map = try BaseMap(right, of: manifest, object: key.name)
      #expect(map.pages.count > 1 && map.frames.count > 1)
      func change(_ body: (inout BaseMap) -> Void) throws -> [UInt8] {
        var changed = map
        body(&changed)
        return changed.bytes
      }
      let last = map.pages.count - 1
      let wrong: [(bytes: [UInt8], cause: String)] = [
        (Array(right.dropLast()), "it is not a map of a base"),
        (
          try change { map in
            map.frames = map.frames.mapValues { $0.map { BaseMap.Frame(size: $0.size, hash: $0.hash ^ 1) } }
          }, "are not those of the part"
        ),
        (
          try change { map in
            map.frames = map.frames.mapValues { $0.map { BaseMap.Frame(size: $0.size + 1, hash: $0.hash) } }
          }, "in another way than the manifest"
        ),
        (try change { $0.pages[last].bytes[9] ^= 1 }, "its copy of page \(map.pages[last].number) is not"),
        (try change { $0.pages[0].bytes[60] ^= 1 }, "its copy of page 1 is not"),
      ]
      for (bytes, cause) in wrong {
        try fixture.store.put(key, bytes, .always)
        let found = try faults()
        let isNamed =
          !found.isEmpty && found.allSatisfy { $0.hasPrefix("\(key.name): ") && $0.contains(cause) }
        #expect(isNamed, "\(cause): \(found)")
      }
      try fixture.store.delete(key)
      #expect(try faults().isEmpty)
      try fixture.store.put(key, right, .always)
    }
  }
}
