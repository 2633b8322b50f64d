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

/// A store that notes what is asked of it.
private final class RequestLog: ForwardingStore {
  let base: any ObjectStore
  private let state = Mutex<[String]>([])
  /// What a read of the lease returns in place of the lease, for a reader that sees it late.
  let lease = Mutex<[UInt8]?>(nil)

  init(_ base: any ObjectStore) { self.base = base }

  /// The kinds of the requests since the last call, sorted: those that run together have no order.
  func take() -> [String] {
    state.withLock { state in
      defer { state = [] }
      return state.sorted()
    }
  }

  private func note(_ request: String) { state.withLock { $0.append(request) } }

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    note("get \(Self.kind(key.name))")
    if key.name == ReplicaLayout.lease, let bytes = lease.withLock({ $0 }) {
      return ObjectContent(bytes: bytes, etag: ETag("x"))
    }
    return try base.get(key, range: range)
  }

  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    note("list \(Self.kind(prefix))")
    return try base.list(prefix: prefix, after: after, limit: limit)
  }

  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    note("head \(Self.kind(key.name))")
    return try base.head(key)
  }

  private static func kind(_ name: String) -> String {
    if name.isEmpty { return "everything" }
    if name.hasPrefix(ReplicaLayout.pages) { return "part" }
    if name.hasPrefix(ReplicaLayout.chain) { return "mark" }
    if name == ReplicaLayout.lease { return "lease" }
    let parts = name.split(separator: "/")
    guard parts.count > 2 else { return "generation" }
    return name.hasSuffix(".map") ? "map" : String(parts[2])
  }
}

/// Counts each request of a reader of the past, so that their number cannot grow unseen.
@Suite struct OpeningRequestsTests {
  private struct NotAsked: Error {}

  private func files(_ name: String) -> PastFiles {
    let files = PastFiles(vfs: name) { _, _, _ in throw NotAsked() }
    files.register()
    return files
  }

  /// Makes a database of some megabytes with an index, and commits in a second session.
  private func fixture(commits: Int) throws -> MirrorFixture {
    let fixture = try MirrorFixture()
    fixture.settings.mapBytes = 0
    let connection = try Connection(fixture.path)
    try connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, k, v)")
    try connection.execute(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<60000) INSERT INTO t SELECT i, i*7919 % 1000003, hex(randomblob(40)) FROM n"
    )
    try connection.execute("CREATE INDEX tk ON t(k)")
    connection.close()
    try fixture.open()
    try fixture.close()
    try fixture.open()
    for number in 1...commits {
      try fixture.run("UPDATE t SET v = 'x\(number)' WHERE id = \(number * 100)")
      if number % 5 == 0 { try fixture.flush() }
    }
    try fixture.close()
    return fixture
  }

  private func past(_ store: any ObjectStore) -> PastReplica {
    PastReplica(ObjectSource(ReplicaCatalog(store), patience: 5), ReplicaCache(disk: nil))
  }

  private static let always = ["get base", "get lease", "get map", "get mark", "list everything"]

  @Test func theFirstRowTakesEightRequests() throws {
    let log = RequestLog(try fixture(commits: 60).store)
    let reader = try past(log).open(RestoreTarget())
    #expect(log.take() == (Self.always + ["get merged"]).sorted())
    let connection = try files("first row").connect(reader)
    _ = try connection.value("SELECT count(*) FROM sqlite_schema")
    #expect(log.take().isEmpty)
    #expect(try connection.value("SELECT v FROM t WHERE k = 50001 * 7919 % 1000003") != nil)
    #expect(log.take() == ["get part", "get part"])
    // The next one, elsewhere.
    #expect(try connection.value("SELECT v FROM t WHERE k = 20001 * 7919 % 1000003") != nil)
    #expect(log.take().count <= 2)
  }

  /// Another moment after the same base needs the plan again, and nothing that is at hand.
  @Test func anotherMomentNeedsNoMap() throws {
    let log = RequestLog(try fixture(commits: 60).store)
    let past = past(log)
    _ = try past.open(RestoreTarget())
    _ = log.take()
    _ = try past.open(GeneratedReplica.target(20))
    #expect(log.take() == ["get base", "get mark", "get merged", "list everything"])
  }

  /// While somebody writes, each slice that is not merged yet is one request more.
  @Test func slicesThatAreNotMergedCostOneRequestEach() throws {
    let fixture = try fixture(commits: 60)
    try fixture.open()
    for number in 1...3 {
      try fixture.run("UPDATE t SET v = 'y' WHERE id = \(number)")
      try fixture.flush()
    }
    let log = RequestLog(fixture.store)
    let reader = try past(log).open(RestoreTarget())
    #expect(reader.moment.transaction == 63)
    // The turn of the session is an entry too.
    #expect(log.take() == (Self.always + ["get merged"] + Array(repeating: "get wal", count: 4)).sorted())
    try fixture.close()
  }

  /// A lease that is younger than the listing names an entry that the listing lacks: the replica is listed again.
  @Test func aYoungerLeaseIsNoLoss() throws {
    let fixture = try fixture(commits: 10)
    let old = try copy(fixture.store)
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(70000, 1, 1)")
    try fixture.close()
    let late = LateStore(old, then: fixture.store)
    #expect(try past(late).open(RestoreTarget()).moment.transaction == 11)
    // If the entry never comes, it is lost, and an older state is not shown for the newest.
    let log = RequestLog(old)
    log.lease.withLock { $0 = try? fixture.store.get(ObjectKey(ReplicaLayout.lease)).bytes }
    #expect(throws: RestoreError.self) { try past(log).open(RestoreTarget()) }
  }

  private func copy(_ store: any ObjectStore) throws -> MemoryStore {
    let copy = MemoryStore()
    for object in try store.listAll(prefix: "") {
      try copy.put(object.key, store.get(object.key).bytes, .always)
    }
    return copy
  }
}

/// Lists an older state once, and has the newer one for all other requests.
private final class LateStore: ForwardingStore {
  let base: any ObjectStore
  private let old: any ObjectStore
  private let lists = Mutex(0)

  init(_ old: any ObjectStore, then base: any ObjectStore) {
    self.old = old
    self.base = base
  }

  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let isFirst = lists.withLock { count in
      count += 1
      return count == 1
    }
    return try (isFirst ? old : base).list(prefix: prefix, after: after, limit: limit)
  }
}
