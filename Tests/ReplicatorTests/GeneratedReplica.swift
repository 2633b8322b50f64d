import Encryption
import Files
import ObjectStore
import Replica
import ReplicaCatalog
import ReplicaFormat
import Replicator
import Restore
import SQLite
import TestSupport
import Testing

/// A database with a random history, mirrored to a store in memory.
final class GeneratedReplica {
  let fixture: MirrorFixture
  private(set) var random: Seeded
  /// The last transaction.
  private(set) var last: UInt64 = 0
  private var hasFullText = false
  private var hasRectangles = false
  private var columns = 0

  static let pageSizes = [512, 1024, 4096, 16384, 65536]

  init(seed: UInt64, transactions: Int = 40) throws {
    random = Seeded(seed)
    let memory = MemoryStore()
    var store: any ObjectStore = memory
    if seed % 4 == 3, let key = EncryptionKey([UInt8](repeating: 7, count: 32)) {
      store = EncryptedStore(memory, keys: KeyRing(keys: [key], origin: "KEYS"), open: ReplicaLayout.open)
    }
    fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    // Several parts, even of a small database.
    fixture.settings.partBytes = 256 << 10
    if seed % 3 > 0 { fixture.settings.mapBytes = 0 }
    try begin()
    for _ in 0..<transactions { try step() }
    try fixture.close()
    last = try end()
  }

  /// Returns the last stored transaction.
  func end() throws -> UInt64 {
    var history = try ReplicaHistory(ReplicaCatalog(fixture.store))
    return try #require(try history.end()).chain.end
  }

  private func begin() throws {
    let connection = try Connection(fixture.path)
    let size = Self.pageSizes[Int(random.next() % UInt64(Self.pageSizes.count))]
    try connection.execute("PRAGMA page_size=\(size); PRAGMA auto_vacuum=\(random.next() % 3);")
    try connection.execute("CREATE TABLE a(id INTEGER PRIMARY KEY, k, v); CREATE INDEX ak ON a(k)")
    if random.next() % 2 == 0 {
      try connection.execute(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) INSERT INTO a(k,v) SELECT i*7, hex(randomblob(60)) FROM n"
      )
    }
    connection.close()
    try fixture.open()
    try run("CREATE TABLE b(x, y, PRIMARY KEY(x, y)) WITHOUT ROWID")
    try run("CREATE TABLE \"c d\"(t TEXT, g AS (length(t)) STORED, h AS (upper(t)))")
  }

  private func run(_ sql: String) throws {
    try fixture.run(sql)
    if random.next() % 3 == 0 { try fixture.flush() }
  }

  private func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

  func step() throws {
    let n = pick(4000)
    switch pick(23) {
    case 0, 1: try run("INSERT INTO a(k,v) VALUES(\(n), 'v\(n)')")
    case 2: try run("INSERT INTO a(k,v) VALUES(\(n), randomblob(\(pick(3) == 0 ? 200_000 : 9000)))")
    case 3, 4: try run("UPDATE a SET v = 'u\(n)' WHERE k % 97 = \(n % 97)")
    // The length stays: only the last byte, on an overflow page, changes.
    case 5:
      try run(
        "UPDATE a SET v = CAST(substr(v, 1, length(v)-1) || x'3\(n % 10)' AS BLOB) WHERE typeof(v)='blob'")
    case 6: try run("DELETE FROM a WHERE id BETWEEN \(n) AND \(n + 80)")
    case 7, 8:
      try run(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(pick(300) + 1)) INSERT OR IGNORE INTO b SELECT i*\(n), hex(i) FROM n"
      )
    case 9: try run("UPDATE OR IGNORE b SET y = y || 'z' WHERE x % 13 = \(n % 13)")
    case 10: try run("DELETE FROM b WHERE x % 5 = \(n % 5)")
    case 11, 12: try run("INSERT INTO \"c d\"(t) VALUES('t\(n)'), (NULL), ('Ä\(n)')")
    case 13: try run("UPDATE \"c d\" SET t = 'w\(n)' WHERE rowid % 3 = 0")
    case 14: try run(pick(2) == 0 ? "VACUUM" : "DELETE FROM a WHERE id % 3 = 0")
    case 15:
      if !hasFullText {
        hasFullText = true
        try run("CREATE VIRTUAL TABLE f USING fts5(words)")
      }
      try run("INSERT INTO f VALUES('one two \(n)'), ('three \(n)')")
    case 16:
      columns += 1
      try run("ALTER TABLE \"c d\" ADD COLUMN n\(columns) DEFAULT \(n)")
    case 17: try run("BEGIN; INSERT INTO a(k,v) VALUES(1,1); UPDATE a SET k=k+1 WHERE id<50; COMMIT")
    case 18:
      // A session ends, and the next one begins with a turn.
      try fixture.close()
      try fixture.open()
    case 19:
      if !hasRectangles {
        hasRectangles = true
        try run("CREATE VIRTUAL TABLE r USING rtree(id, low, high, +note)")
      }
      try run("INSERT OR REPLACE INTO r SELECT id, k, k + 5, 'n\(n)' FROM a WHERE id % 31 = \(n % 31)")
    case 20:
      // Another program, which does not mirror, writes too.
      let other = try Connection(fixture.path)
      defer { other.close() }
      try other.execute(
        "UPDATE a SET v = 'foreign \(n)' WHERE id % 41 = \(n % 41); INSERT INTO a(k) VALUES(\(n))")
    case 21:
      try run(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(pick(Seeded.rounds(300, 3000)) + 1)) INSERT INTO a(k,v) SELECT i, randomblob(300) FROM n"
      )
    default:
      if pick(3) == 0 {
        try fixture.close()
        fixture.settings.newGeneration = true
        try fixture.open()
        try fixture.flush()
        fixture.settings.newGeneration = false
      } else {
        try fixture.flush()
        try #require(fixture.mirror).snapshot()
      }
    }
  }

  /// Makes a reader of the replica.
  func past(disk: DiskCache? = nil, _ store: (any ObjectStore)? = nil) -> PastReplica {
    PastReplica(
      ObjectSource(ReplicaCatalog(store ?? fixture.store), patience: 5), ReplicaCache(disk: disk))
  }

  static func target(_ transaction: UInt64) -> RestoreTarget {
    var target = RestoreTarget()
    target.transaction = transaction
    return target
  }

  /// Returns the bytes of the database restored to a transaction.
  func restored(_ transaction: UInt64) throws -> [UInt8] {
    try fixture.bytes(fixture.restore(.wal, "t\(transaction).db", Self.target(transaction)))
  }

  func someTransactions(_ count: Int) -> [UInt64] {
    var found: Set<UInt64> = [0, last]
    for _ in 0..<count { found.insert(random.next() % (last + 1)) }
    return found.sorted()
  }
}
