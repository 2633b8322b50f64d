import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// The index spares listings, and never makes a restore another one than listings would.
@Suite struct IndexTests {
  /// A replica of slices with a commit each, and of batches.
  private func replica(_ commits: Int = 12) throws -> (MirrorFixture, FaultyStore) {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    for number in 2...commits {
      try fixture.run("INSERT INTO t VALUES(\(number), hex(randomblob(20)))")
      try fixture.flush()
    }
    try fixture.close()
    return (fixture, store)
  }

  private func contents(_ store: any ObjectStore) throws -> GenerationContents {
    let catalog = ReplicaCatalog(store)
    return try catalog.contents(of: try #require(catalog.generations().last))
  }

  /// The index that a mirror would have written after a transaction.
  private func write(upTo last: UInt64, _ store: any ObjectStore) throws {
    let contents = try contents(store)
    let slices = contents.chain(after: contents.bases[0]).slices.filter { $0.transactions.upperBound <= last }
    let batches = contents.longestStatements.filter { $0.upperBound <= last }
    let record = IndexRecord(
      generation: contents.generation, bases: [contents.bases[0]],
      slices: slices.map { IndexRecord.Slice($0, size: contents.sliceSizes[$0] ?? 0) },
      batches: batches.map { IndexRecord.Batch($0, size: contents.statementSizes[$0] ?? 0) })
    try store.put(ObjectKey(ReplicaLayout.index), record.bytes, .always)
  }

  /// What a restore reports, whether the database is the mirrored one, and how many listings it took.
  private func restore(
    _ fixture: MirrorFixture, _ store: FaultyStore, _ source: Restore.Source = .wal
  ) throws -> (report: Restore.Report, isWhole: Bool, lists: Int) {
    let before = store.calls(.list)
    var restore = Restore(ReplicaCatalog(store))
    restore.force = true
    let output = fixture.folder.path + "/r.db"
    let report = try restore.run(source, to: output)
    return (report, try content(output) == content(fixture.path), store.calls(.list) - before)
  }

  @Test func namesGoThroughBytes() throws {
    let record = IndexRecord(
      generation: GenerationID(sequence: 1, random: 7), bases: [7],
      slices: [
        .init(SliceName(8...9), size: 10), .init(SliceName(10...10, part: 1, parts: 2), size: 1),
        .init(SliceName(10...10, part: 2, parts: 2), size: 2),
      ], batches: [.init(5...10, size: 3)])
    #expect(try IndexRecord(record.bytes) == record)
    var bytes = record.bytes
    bytes[40] ^= 1
    #expect(throws: FormatError.self) { try IndexRecord(bytes) }
  }

  @Test(arguments: [UInt64(1), 5, 12]) func spareListingsWhereverTheyEnd(_ last: UInt64) throws {
    let (fixture, store) = try replica()
    try write(upTo: last, store)
    // Who lists all of it needs three pages.
    let folder = try ReplicaLayout.bases(contents(store).generation)
    for number in 1000..<3500 { try store.put(ObjectKey("\(folder)none\(number)"), [], .always) }
    for source in [Restore.Source.wal, .sql] {
      let done = try restore(fixture, store, source)
      #expect(done.isWhole && done.lists == 1 && done.report.transaction == 12 && done.report.notices.isEmpty)
    }
  }

  @Test func listsWhereTheIndexIsDamaged() throws {
    let (fixture, store) = try replica()
    try write(upTo: 8, store)
    let key = try ObjectKey(ReplicaLayout.index)
    var bytes = try store.get(key).bytes
    bytes[bytes.count / 2] ^= 4
    for damaged in [bytes, Array(bytes.prefix(100)), []] {
      try store.put(key, damaged, .always)
      let done = try restore(fixture, store)
      #expect(done.isWhole && done.report.notices.isEmpty && done.lists == 1)
      var faults: [Verification.Fault] = []
      try Verification(ReplicaCatalog(store)).run(comparing: nil) { faults += $0.faults }
      #expect(faults.map(\.object) == [ReplicaLayout.index])
      #expect(faults.first?.cause.contains("nothing is lost") == true)
    }
  }

  @Test func listsWhereObjectsThatTheIndexNamesAreGone() throws {
    let (fixture, store) = try replica(20)
    try write(upTo: 16, store)
    let single = try contents(store).slices.filter { $0.transactions.upperBound > 10 }
    // They become one object, which begins before the end of the index and ends after it.
    let generation = try contents(store).generation
    let merged = try SliceMerge.merge(
      single.map { name in
        let key = ReplicaLayout.slice(generation, name)
        return (key, try store.get(ObjectKey(key)).bytes)
      }, acknowledged: 20, created: 1)
    try store.put(ObjectKey(ReplicaLayout.slice(generation, merged.name)), merged.bytes, .always)
    #expect(try restore(fixture, store).isWhole)
    for name in single {
      try store.delete(ObjectKey(ReplicaLayout.slice(generation, name)))
      for source in [Restore.Source.wal, .sql] where name.transactions.upperBound >= 16 {
        let done = try restore(fixture, store, source)
        #expect(done.isWhole && done.report.transaction == 20 && done.report.notices.isEmpty)
      }
    }
    var notices: [String] = []
    try Verification(ReplicaCatalog(store)).run(comparing: nil) {
      notices += $0.notices
      #expect($0.faults.isEmpty)
    }
    #expect(notices.contains { $0.contains("index.txt names 6 objects that are gone") })
  }

  @Test func aNewerGenerationCounts() throws {
    let (fixture, store) = try replica()
    try write(upTo: 12, store)
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(99, 'newer')")
    try fixture.close()
    let done = try restore(fixture, store)
    #expect(try done.isWhole && done.report.generation == contents(store).generation)
    // The newer one has lost its base: that is said as ever.
    let newer = try contents(store)
    try store.delete(ObjectKey(ReplicaLayout.base(newer.generation, transaction: newer.bases[0])))
    #expect(throws: FormatError.self) { try restore(fixture, store) }
    // All of the one that the index is of is gone, and nothing is left.
    for object in try store.listAll(prefix: ReplicaLayout.generations) { try store.delete(object.key) }
    #expect(throws: RestoreError.self) { try restore(fixture, store) }
  }

  @Test func aSliceThatIsLostIsToldOfAsEver() throws {
    let (fixture, store) = try replica()
    try write(upTo: 8, store)
    let all = try contents(store)
    func key(_ transaction: UInt64) throws -> ObjectKey {
      try ObjectKey(
        ReplicaLayout.slice(
          all.generation, #require(all.slices.first { $0.transactions.contains(transaction) })))
    }
    let last = try store.get(key(12)).bytes
    try store.delete(key(12))
    let done = try restore(fixture, store)
    #expect(done.report.transaction == 11)
    #expect(
      done.report.notices.contains { $0.contains("statements up to transaction 12 are in the replica") })
    try store.put(key(12), last, .always)
    try store.delete(key(10))
    let error = thrown(RestoreError.self) { try restore(fixture, store) }
    #expect(error?.code == .hole && error?.message.contains("transaction 10 is missing") == true)
  }

  @Test func otherMomentsAreListed() throws {
    let (fixture, store) = try replica()
    try write(upTo: 12, store)
    var target = RestoreTarget()
    target.transaction = 5
    let before = store.calls(.get)
    let path = try fixture.restore(.wal, "t.db", target)
    let connection = try Connection(path)
    #expect(try connection.value("SELECT max(a) FROM t") == .integer(5))
    connection.close()
    #expect(store.calls(.get) > before)
  }

  /// A mirror's own, written while it merges.
  @Test func aBurstIsRestoredWithTwoListings() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.durability = .sync
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    for number in 2...1500 { try fixture.run("INSERT INTO t VALUES(\(number), hex(randomblob(20)))") }
    try fixture.close()
    let all = try contents(store)
    #expect(all.slices.count > 1000)
    let index = try IndexRecord(store.get(ObjectKey(ReplicaLayout.index)).bytes)
    // What it names is there, without a gap, and few.
    #expect(index.slices.allSatisfy { all.sliceSizes[$0.name] == $0.size })
    #expect(index.slices.count <= 12, "\(index.slices.count)")
    for source in [Restore.Source.wal, .sql] {
      let done = try restore(fixture, store, source)
      #expect(done.isWhole && done.lists <= 2, "\(done.lists)")
      #expect(done.report.slices <= 20, "\(done.report.slices)")
    }
    // A later session finds it, and writes it anew once another base counts.
    try fixture.open()
    try fixture.mirror?.snapshot()
    try Poll.until { (try? IndexRecord(store.get(ObjectKey(ReplicaLayout.index)).bytes).bases) == [1500] }
    try fixture.run("INSERT INTO t VALUES(2000, 'x')")
    try fixture.close()
    let done = try restore(fixture, store)
    #expect(done.isWhole && done.lists <= 2 && done.report.slices == 1)
  }

  @Test func aSmallReplicaHasNone() throws {
    let fixture = try MirrorFixture()
    fixture.settings.durability = .sync
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 0..<100 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    try fixture.close()
    #expect(!(try fixture.store.listAll(prefix: "").contains { $0.key.name == ReplicaLayout.index }))
  }
}
