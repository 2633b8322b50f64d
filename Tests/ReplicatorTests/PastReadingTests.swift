import Dispatch
import Files
import History
import ObjectStore
import Replica
import ReplicaCatalog
import ReplicaFormat
import Replicator
import Restore
import SQLite
import Synchronization
import TestSupport
import Testing

/// Tests reads of the past in place: their cost, and damaged objects.
@Suite struct PastReadingTests {
  /// Makes a database of some megabytes with its replica.
  private func fixture(rows: Int = 60_000, mapBytes: Int = 0, partBytes: Int = 2 << 20) throws
    -> MirrorFixture
  {
    let fixture = try MirrorFixture()
    fixture.settings.mapBytes = mapBytes
    fixture.settings.partBytes = partBytes
    let connection = try Connection(fixture.path)
    try connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, k, v); CREATE INDEX tk ON t(k)")
    try connection.execute(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(rows)) INSERT INTO t SELECT i, i*7919 % 1000003, hex(randomblob(40)) FROM n"
    )
    connection.close()
    try fixture.open()
    for number in 1...20 {
      try fixture.run("UPDATE t SET v = 'x' WHERE id = \(number * 100)")
      try fixture.flush()
    }
    try fixture.close()
    return fixture
  }

  private func past(_ store: any ObjectStore, _ disk: DiskCache? = nil) -> PastReplica {
    PastReplica(ObjectSource(ReplicaCatalog(store), patience: 5), ReplicaCache(disk: disk))
  }

  private func files(_ name: String) -> PastFiles {
    struct NotAsked: Error {}
    let files = PastFiles(vfs: name) { _, _, _ in throw NotAsked() }
    files.register()
    return files
  }

  private func target(_ number: UInt64) -> RestoreTarget {
    var target = RestoreTarget()
    target.transaction = number
    return target
  }

  @Test func requestsWithAMapGrowWithThePagesRead() throws {
    let fixture = try fixture(partBytes: 16 << 20)
    let catalog = ReplicaCatalog(fixture.store)
    let base = try #require(catalog.newest().bases.first)
    let generation = try #require(catalog.generations().last)
    let key = BaseMap.key(of: base, in: generation)
    let manifest = try catalog.manifest(generation, base)
    let map = try BaseMap(fixture.store.get(ObjectKey(key), range: nil).bytes, of: manifest, object: key)
    #expect(map.frames.count == manifest.parts.count)
    #expect(map.pages.count > 5)
    let store = MeteredStore(fixture.store)
    let files = files("requests")
    let reader = try past(store).open(target(20))
    let connection = try files.connect(reader)
    _ = try connection.value("SELECT count(*) FROM sqlite_schema")
    let before = store.requests
    #expect(try connection.value("SELECT v FROM t WHERE k = 50000 * 7919 % 1000003") != nil)
    #expect(store.requests - before == 2, "\(store.requests - before)")
    // For rows in order the window grows, and neighbours are fetched together.
    let scanned = store.requests
    let letters: Int64 = 20000 * 80 - 80 - 20 * 79
    #expect(try connection.value("SELECT sum(length(v)) FROM t WHERE id < 20000") == .integer(letters))
    #expect(store.requests - scanned <= 6, "\(store.requests - scanned)")
  }

  @Test(arguments: ["absent", "damaged", "empty", "of other hashes", "of other sizes"])
  func anUnusableMapOnlyCostsTime(_ kind: String) throws {
    let fixture = try fixture(rows: 30_000)
    let catalog = ReplicaCatalog(fixture.store)
    let generation = try #require(catalog.generations().last)
    let base = try #require(catalog.newest().bases.first)
    let manifest = try catalog.manifest(generation, base)
    let key = try ObjectKey(BaseMap.key(of: base, in: generation))
    var map = try BaseMap(fixture.store.get(key, range: nil).bytes, of: manifest, object: key.name)
    map.pages = []
    switch kind {
    case "absent": try fixture.store.delete(key)
    case "damaged": try fixture.store.put(key, Array(map.bytes.dropLast(30)), .always)
    case "empty": try fixture.store.put(key, [], .always)
    case "of other hashes":
      map.frames = map.frames.mapValues { $0.map { BaseMap.Frame(size: $0.size, hash: $0.hash &+ 1) } }
      try fixture.store.put(key, map.bytes, .always)
    default:
      map.frames = map.frames.mapValues { frames in
        guard frames.count > 1 else { return frames }
        return [BaseMap.Frame(size: frames[0].size + 1, hash: frames[0].hash)]
          + [BaseMap.Frame(size: frames[1].size - 1, hash: frames[1].hash)] + frames[2...]
      }
      try fixture.store.put(key, map.bytes, .always)
    }
    let files = files("map \(kind)")
    let connection = try files.connect(past(fixture.store).open(target(20)))
    #expect(try connection.value("PRAGMA integrity_check") == .text("ok"))
    #expect(try connection.value("SELECT count(*) FROM t") == .integer(30_000))
  }

  @Test func aDamagedPartIsAnErrorThatNamesIt() throws {
    let fixture = try fixture(rows: 30_000)
    let parts = try fixture.store.listAll(prefix: ReplicaLayout.pages)
    for part in parts {
      var bytes = try fixture.store.get(part.key, range: nil).bytes
      for at in stride(from: 100, to: bytes.count, by: 1000) { bytes[at] ^= 0x5a }
      try fixture.store.put(part.key, bytes, .always)
    }
    let files = files("damage")
    let connection = try files.connect(past(fixture.store).open(target(20)))
    #expect {
      _ = try connection.value("SELECT sum(length(v)) FROM t")
    } throws: {
      "\($0)".hasPrefix("disk I/O error: read pages/")
    }
  }

  @Test func damagedCacheEntriesAreFetchedAgain() throws {
    let fixture = try fixture(rows: 30_000)
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/cache"
    let files = files("cache")
    func sum(_ store: any ObjectStore) throws -> Value? {
      let disk = try #require(DiskCache(path))
      let connection = try files.connect(past(store, disk).open(target(20)))
      defer { connection.close() }
      return try connection.value("SELECT sum(length(v)) FROM t")
    }
    let right = try sum(fixture.store)
    let names = try Folder.names(in: path)
    #expect(names.count > 20)
    let warm = MeteredStore(fixture.store)
    #expect(try sum(warm) == right)
    for (number, name) in names.enumerated() {
      let file = try File(path + "/" + name, .readWrite)
      switch number % 4 {
      case 0: try file.truncate(to: 10)
      case 1: try file.write([1, 2, 3], at: 60)
      case 2: try file.truncate(to: 0)
      // This name now has another entry's content.
      default: try file.write(File(path + "/" + names[0], .read).readAll(), at: 0)
      }
    }
    let cold = MeteredStore(fixture.store)
    #expect(try sum(cold) == right)
    #expect(cold.requests > warm.requests)
  }

  @Test func theCacheStaysWithinItsLimit() throws {
    let folder = try Files.TemporaryFolder()
    let cache = try #require(DiskCache(folder.path + "/c", limit: 3_000_000))
    let bytes = [UInt8](repeating: 7, count: 100_000)
    // The folder is measured after each 64 MiB, and at the first write of a process.
    for number in 0..<60 { cache.keep(bytes, "\(number)") }
    _ = try #require(DiskCache(folder.path + "/c", limit: 3_000_000)).keep(bytes, "last")
    let sizes = try Folder.names(in: folder.path + "/c").map {
      try FileInfo.of(folder.path + "/c/" + $0)?.size ?? 0
    }
    #expect(sizes.reduce(0, +) <= 3_000_000)
    #expect(cache.bytes("last") == bytes)
  }

  @Test func objectsThatAreMergedMeanwhileAreFoundAgain() throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 0
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 1...12 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
    }
    let reader = try past(fixture.store).open(target(1))
    // The later entries are not read yet. Meanwhile they are merged and deleted.
    for number in 13...80 {
      try fixture.run("INSERT INTO t VALUES(\(number))")
      try fixture.flush()
    }
    try fixture.close()
    let contents = try ReplicaCatalog(fixture.store).newest()
    let chain = try contents.chain(after: 0)
    var gone = 0
    for slice in contents.slices where !slice.isMerged && !chain.objects.contains(slice) {
      try fixture.store.delete(ObjectKey(slice.key))
      gone += 1
    }
    #expect(gone > 10)
    let later = try PageReader(reader.history, at: 12)
    let connection = try files("merged").connect(later)
    #expect(try connection.value("SELECT count(*) FROM t") == .integer(11))
  }

  /// Ctrl-C ends a read that waits, and later reads work again.
  @Test func anInterruptionEndsOneStatement() throws {
    let fixture = try fixture(rows: 30_000)
    let isRaised = Mutex(false)
    let source = ObjectSource(
      ReplicaCatalog(fixture.store), patience: 5, staysInterrupted: false,
      isInterrupted: { isRaised.withLock { $0 } })
    let past = PastReplica(source, ReplicaCache(disk: nil))
    let connection = try files("interrupt").connect(past.open(target(20)))
    #expect(try connection.value("SELECT count(*) FROM sqlite_schema") == .integer(2))
    isRaised.withLock { $0 = true }
    #expect {
      _ = try connection.value("SELECT sum(length(v)) FROM t")
    } throws: {
      ($0 as? SQLiteError)?.code.primary == .interrupt
    }
    isRaised.withLock { $0 = false }
    #expect(try connection.value("SELECT count(v) FROM t") == .integer(30_000))
  }

  /// Two caches on one folder act as two processes.
  @Test func severalWritersShareACache() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/c"
    let first = try #require(DiskCache(path, limit: 400_000))
    DispatchQueue.concurrentPerform(iterations: 4) { worker in
      guard let cache = DiskCache(path, limit: 400_000) else { return }
      for round in 0..<200 {
        let number = (round * 7 + worker) % 50
        let bytes = [UInt8](repeating: UInt8(number), count: 5000 + number)
        cache.keep(bytes, "\(number)")
        if let found = cache.bytes("\(number)"), found != bytes { Issue.record("\(number) has other bytes") }
      }
    }
    let left = (0..<50).filter { first.bytes("\($0)") != nil }
    #expect(!left.isEmpty)
    #expect(try Folder.names(in: path).allSatisfy { !$0.hasPrefix("new-") })
  }

  @Test func anEmptyDatabaseCanBeRead() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.close()
    let connection = try files("none").connect(past(fixture.store).open(target(0)))
    #expect(try connection.value("SELECT count(*) FROM sqlite_schema") == .integer(0))
  }
}
