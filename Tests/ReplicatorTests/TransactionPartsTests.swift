import Bytes
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Synchronization
import TestSupport
import Testing
import WALFormat

@testable import Restore

/// Tests transactions of several parts.
@Suite struct TransactionPartsTests {
  private static let pageSize = 512
  /// A page too far from the first, unless a part declares it.
  private static let far: UInt32 = 3 << 20

  private let header: WALHeader
  private let before: DatabaseState

  init() throws {
    var bytes: [UInt8] = []
    for word in [0x377f_0682, 3_007_000, UInt32(Self.pageSize), 0, 7, 9] as [UInt32] {
      bytes.appendBigEndian(word)
    }
    var sums = WALChecksum.zero
    sums.update(bytes, 0..<24, bigEndian: false)
    bytes.appendBigEndian(sums.first)
    bytes.appendBigEndian(sums.second)
    header = try #require(WALHeader(bytes))
    before = DatabaseState(pageSize: Self.pageSize, pages: 1, checksum: Self.hash(1, 1))
  }

  private static func page(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: pageSize) }
  private static func hash(_ number: UInt32, _ byte: UInt8) -> Hash128 {
    PageHash.of(number, page(byte), at: 0, pageSize: pageSize)
  }

  /// Returns a transaction of two parts: a distant page, then the first one and the commit.
  private func parts(telling largest: UInt32?) -> [[UInt8]] {
    var sums = header.checksum
    func builder(after frame: Int) -> SliceBuilder {
      let builder = SliceBuilder(
        walHeader: header, generation: GenerationID(sequence: 1, random: 2), firstTransaction: 1,
        start: WALPosition(salt: header.salt, frame: frame, checksum: sums), previous: before)
      builder.largestPage = largest
      return builder
    }
    func add(_ frame: WALFrame, _ byte: UInt8, to builder: SliceBuilder) {
      var whole = [UInt8](repeating: 0, count: 24) + Self.page(byte)
      frame.write(at: 0, in: &whole, of: header, continuing: &sums)
      builder.add(frame, page: Self.page(byte), at: 0, base: nil)
    }
    let first = builder(after: 0)
    add(WALFrame(page: Self.far, databaseSize: 0), 7, to: first)
    first.endPart(checksum: sums)
    let one = first.close(transactions: 1...1, part: 1, parts: 2, created: 1)
    let second = builder(after: 1)
    add(WALFrame(page: 1, databaseSize: Self.far), 8, to: second)
    let checksum = Self.hash(1, 8) ^ Self.hash(Self.far, 7)
    second.endCommit(
      time: 2, state: DatabaseState(pageSize: Self.pageSize, pages: Self.far, checksum: checksum),
      checksum: sums)
    let other = second.close(transactions: 1...1, part: 2, parts: 2, created: 1)
    return [one, other].map {
      SealedSlice.object([$0], id: EntryID(UInt64($0.part)), previous: .none, session: 1, stored: 0)
    }
  }

  private func apply(_ parts: [[UInt8]]) throws -> Int {
    let folder = try Files.TemporaryFolder()
    let file = try File(folder.path + "/a", .create)
    try file.write(Self.page(1), at: 0)
    let generation = GenerationID(sequence: 1, random: 2)
    let applier = SliceApplier(
      from: ChainPoint(generation: generation, transaction: 0, id: .none, time: 0, state: before),
      pages: PageFile(file, pageSize: Self.pageSize))
    for part in parts {
      let slice = try SliceReader(part, object: "part")
      try applier.begin(slice, object: "part")
      _ = try applier.advance(slice, object: "part", upTo: .max)
    }
    _ = try applier.finish()
    return try file.size()
  }

  /// Each part declares the largest page of the whole transaction, or its last part does.
  @Test func growsByMoreThanAMillionPages() throws {
    let size = Int(Self.far) * Self.pageSize
    #expect(try apply(parts(telling: Self.far)) == size)
    #expect(throws: FormatError.self) { try apply(parts(telling: nil)) }
    #expect(throws: FormatError.self) { try apply(parts(telling: 100)) }
  }

  @Test func everyPartDeclaresTheLargestPage() throws {
    for part in parts(telling: Self.far) {
      #expect(try SliceHeader(part, object: "part").largestPage == Self.far)
    }
    // The mirror writes it too; a slice of one part does not need it.
    let fixture = try MirrorFixture()
    fixture.settings.sliceBytes = 64 << 10
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(500000))")
    try fixture.flush()
    let catalog = ReplicaCatalog(fixture.store)
    let contents = try catalog.newest()
    let pages = try #require(fixture.connection).value("PRAGMA page_count")
    #expect(contents.slices.contains { $0.part > 4 })
    for slice in contents.slices {
      let told = try SliceHeader(catalog.read(slice.key), object: slice.key).largestPage
      let expected = slice.isPart ? pages : nil
      let found: Value? = told.map { .integer(Int64($0)) }
      #expect(found == expected)
    }
    try fixture.close()
  }

  // MARK: Following

  /// Follows until the copy holds a transaction.
  ///
  /// Returns the last transaction of the copy, and the number of times that it was built.
  private func follow(
    _ fixture: MirrorFixture, _ store: any ObjectStore, to last: UInt64, _ set: (inout Follower) -> Void
  ) throws -> (transaction: UInt64?, built: Int) {
    let isDone = Mutex(false)
    let built = Mutex(0)
    var follower = Follower(ReplicaCatalog(store), output: fixture.folder.path + "/copy.db")
    follower.pause = 0.01...0.02
    let end = Clock.monotonicSeconds + 20
    follower.isInterrupted = { isDone.withLock { $0 } || Clock.monotonicSeconds > end }
    follower.tell = { event in
      switch event {
      case .built(let point):
        built.withLock { $0 += 1 }
        if point.transaction >= last { isDone.withLock { $0 = true } }
      case .advanced(let point): if point.transaction >= last { isDone.withLock { $0 = true } }
      case .notice: break
      }
    }
    set(&follower)
    let point = try follower.run()
    return (point?.transaction, built.withLock { $0 })
  }

  /// A transaction is applied whole, however much larger than a chunk it is.
  @Test(arguments: [0, 1]) func followsATransactionLargerThanAChunk(smallBefore: Int) throws {
    let fixture = try MirrorFixture()
    fixture.settings.sliceBytes = 64 << 10
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let start = try #require(fixture.mirror).status().stored
    #expect(try follow(fixture, fixture.store, to: start) { $0.chunk = 64 << 10 }.transaction == start)
    for _ in 0..<smallBefore { try fixture.run("INSERT INTO t VALUES(2)") }
    try fixture.run(
      "INSERT INTO t SELECT randomblob(3000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        + "WHERE i < 300) SELECT i FROM n)")
    try fixture.flush()
    let last = try #require(fixture.mirror).status().stored
    let followed = try follow(fixture, fixture.store, to: last) {
      $0.chunk = 64 << 10
      $0.baseThreshold = .max
    }
    #expect(followed.transaction == last)
    #expect(followed.built == 1)
    #expect(try Folder.names(in: fixture.folder.path).allSatisfy { !$0.contains("%") })
    try fixture.close()
    #expect(try content(fixture.folder.path + "/copy.db") == content(fixture.path))
  }

  /// If a newer base is smaller than the slices before it, the follower fetches the base.
  @Test func followsThroughABaseIfThatIsShorter() throws {
    let fixture = try MirrorFixture(FaultyStore(MemoryStore()))
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let start = try #require(fixture.mirror).status().stored
    _ = try follow(fixture, fixture.store, to: start) { $0.baseThreshold = 100_000 }
    for _ in 0..<20 {
      try fixture.run("UPDATE t SET a = randomblob(20000)")
      try fixture.flush()
    }
    try #require(fixture.mirror).snapshot()
    try fixture.run("INSERT INTO t VALUES(3)")
    try fixture.flush()
    let last = try #require(fixture.mirror).status().stored
    let slices = Mutex(0)
    let store = CountingStore(base: fixture.store) { if $0.contains("/wal/") { slices.withLock { $0 += 1 } } }
    let followed = try follow(fixture, store, to: last) { $0.baseThreshold = 100_000 }
    #expect(followed.transaction == last)
    #expect(followed.built == 2)
    // The slices after the base, and the one whose commit has the time.
    #expect(slices.withLock { $0 } < 5)
    try fixture.close()
    #expect(try content(fixture.folder.path + "/copy.db") == content(fixture.path))
  }
}

/// Reports each object that is read.
private struct CountingStore: ForwardingStore {
  let base: any ObjectStore
  let note: @Sendable (String) -> Void

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    if range != 0..<LogEntry.head { note(key.name) }
    return try base.get(key, range: range)
  }
}

/// Tests sets of page numbers.
@Suite struct PageSetTests {
  @Test func holdsWhatWasAdded() {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    var expected: Set<UInt32> = []
    var pages = PageSet()
    for _ in 0..<5000 {
      let page = Bool.random(using: &random) ? UInt32.random(in: 0...900, using: &random) : random.next()
      #expect(pages.insert(page) == expected.insert(page).inserted, about)
    }
    #expect(pages.count == expected.count, about)
    #expect(pages.sorted == expected.sorted(), about)
    #expect((0...1000).allSatisfy { pages.contains($0) == expected.contains($0) }, about)
    #expect(PageSet().sorted.isEmpty)
  }
}
