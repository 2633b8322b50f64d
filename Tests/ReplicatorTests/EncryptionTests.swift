import Encryption
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests replicas whose objects are encrypted.
@Suite struct EncryptionTests {
  private let base = MemoryStore()

  private static func key(_ byte: UInt8) throws -> EncryptionKey {
    try #require(EncryptionKey([UInt8](repeating: byte, count: 32)))
  }

  private func store(_ keys: UInt8...) throws -> EncryptedStore {
    EncryptedStore(
      base, keys: KeyRing(keys: try keys.map { try Self.key($0) }, origin: "KEYS"),
      open: ReplicaLayout.open)
  }

  /// Runs the program with these keys on the same database.
  private func run(_ store: any ObjectStore, _ path: String, _ statements: [String]) throws -> [String] {
    let connection = try Connection(path)
    defer { connection.close() }
    var settings = MirrorSettings()
    settings.flushTimeout = 20
    settings.syncInterval = 0
    let mirror = ReplicationObserver(store: store, settings: settings)
    try mirror.attach(to: connection)
    for statement in statements {
      try connection.execute(statement)
      try mirror.flush(seconds: 20)
    }
    try mirror.stop()
    return mirror.takeNotices()
  }

  private func expectEqual(_ store: any ObjectStore, _ path: String) throws {
    for source in [Restore.Source.wal, .sql] {
      var restore = Restore(ReplicaCatalog(store))
      restore.force = true
      restore.verifies = true
      _ = try restore.run(source, to: path + ".restored")
      #expect(try content(path + ".restored") == content(path))
    }
  }

  private func verify(_ store: any ObjectStore) throws -> [Verification.Fault] {
    var verification = Verification(ReplicaCatalog(store))
    verification.isForAll = true
    let folder = try Files.TemporaryFolder()
    verification.folder = folder.path + "/v"
    var faults: [Verification.Fault] = []
    try verification.run(comparing: nil) { faults += $0.faults }
    return faults
  }

  private var objects: [(name: String, bytes: [UInt8])] {
    get throws { try base.listAll(prefix: "").map { ($0.key.name, try base.get($0.key).bytes) } }
  }

  /// Small objects are encrypted when they are stored, merged, read back and continued by a later
  /// run.
  @Test func mirrorsMergesAndRestores() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    let inserts = (1...40).map { "INSERT INTO t VALUES(\($0), hex(randomblob(20)))" }
    #expect(try run(store(1), path, ["CREATE TABLE t(a INTEGER PRIMARY KEY, b)"] + inserts) == [])
    #expect(try run(store(1), path, ["UPDATE t SET b = 'x' WHERE a = 7"]) == [])
    let catalog = ReplicaCatalog(try store(1))
    #expect(try catalog.generations().count == 1)
    let contents = try catalog.contents(of: try #require(catalog.generations().first))
    #expect(try contents.chain(after: 0).objects.count < 40)
    try expectEqual(store(1), path)
    #expect(try verify(store(1)) == [])
    for object in try objects where !ReplicaLayout.open.contains(where: { object.name.hasPrefix($0) }) {
      #expect(object.bytes.starts(with: SealedObject.magic), "\(object.name)")
    }
  }

  /// Parts are found again, and their names reveal nothing without the key.
  @Test func namesPartsBySecret() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    func parts() throws -> Set<String> {
      Set(try objects.map(\.name).filter { $0.hasPrefix(ReplicaLayout.pages) })
    }
    _ = try run(store(), path, ["CREATE TABLE t(a)"])
    let plain = try parts()
    _ = try run(store(1), path, [])
    let first = try parts().subtracting(plain)
    _ = try run(store(2, 1), path, [])
    let second = try parts().subtracting(plain).subtracting(first)
    #expect(first.count == 1 && second.count == 1)
    // The same database with the same key: nothing is sent again.
    let again = try base.get(ObjectKey(try #require(first.first))).etag
    _ = try run(store(1, 2), path, [])
    #expect(try parts().count == plain.count + 2)
    #expect(try base.get(ObjectKey(try #require(first.first))).etag == again)
    #expect(try verify(store(1, 2)) == [])
  }

  @Test func beginsAGenerationWithEachKey() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    _ = try run(store(), path, ["CREATE TABLE t(a)", "INSERT INTO t VALUES(1)"])
    #expect(
      try run(store(1), path, ["INSERT INTO t VALUES(2)"])
        == ["mirror: encryption was turned on; starting a new generation"])
    #expect(try run(store(1), path, ["INSERT INTO t VALUES(3)"]) == [])
    #expect(
      try run(store(2, 1), path, ["INSERT INTO t VALUES(4)"])
        == ["mirror: the encryption key changed; starting a new generation"])
    let catalog = ReplicaCatalog(try store(2, 1))
    #expect(try catalog.generations().count == 3)
    #expect(try verify(store(2, 1)) == [])
    // Earlier transactions can be restored with their keys.
    for (number, transaction): (Int, UInt64) in [(1, 2), (2, 4), (3, 5), (4, 7)] {
      var restore = Restore(ReplicaCatalog(try store(2, 1)))
      restore.force = true
      restore.target.transaction = transaction
      _ = try restore.run(.sql, to: path + ".then")
      let restored = try Connection(path + ".then")
      #expect(try restored.value("SELECT max(a) FROM t") == .integer(Int64(number)))
      restored.close()
    }
    try expectEqual(store(2), path)
    let error = thrown(ObjectStoreError.self) { try expectEqual(store(1), path) }
    #expect(error?.code == .sealed)
  }

  /// Without the key, a session adds nothing to an encrypted replica.
  @Test(arguments: [[], [2]] as [[UInt8]]) func refusesToContinueWithoutTheKey(_ keys: [UInt8]) throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    _ = try run(store(1), path, ["CREATE TABLE t(a)"])
    let before = try objects.map(\.name)
    let other = EncryptedStore(
      base, keys: KeyRing(keys: try keys.map { try Self.key($0) }, origin: "KEYS"),
      open: ReplicaLayout.open)
    let error = thrown(MirrorError.self) { try run(other, path, ["INSERT INTO t VALUES(1)"]) }
    #expect("\(error as Any)".contains("it is encrypted with key \(try Self.key(1).id)"), "\(error as Any)")
    #expect(try objects.map(\.name) == before)
    // The database holds the statement, and the mirror stores it when the key is back.
    _ = try run(store(1), path, [])
    try expectEqual(store(1), path)
  }

  @Test func provesEveryObject() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    _ = try run(store(1), path, ["CREATE TABLE t(a)", "INSERT INTO t VALUES(1)"])
    #expect(try verify(store(1)) == [])
    for object in try objects where !ReplicaLayout.open.contains(where: { object.name.hasPrefix($0) }) {
      var altered = object.bytes
      altered[altered.count - 1] ^= 1
      try base.put(ObjectKey(object.name), altered, .always)
      let faults = try verify(store(1))
      #expect(faults.contains { $0.object == object.name && $0.cause.contains("altered") }, "\(object.name)")
      try base.put(ObjectKey(object.name), object.bytes, .always)
    }
    #expect(try verify(store(1)) == [])
  }

  /// A lost key prevents the deletion of only those objects that may still be needed.
  @Test func prunesWhatItCannotRead() throws {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    _ = try run(store(), path, ["CREATE TABLE t(a)", "INSERT INTO t VALUES(1)"])
    _ = try run(store(1), path, ["INSERT INTO t VALUES(2)"])
    let connection = try Connection(path)
    defer { connection.close() }
    let mirror = ReplicationObserver(store: try store(2, 1), settings: MirrorSettings())
    try mirror.attach(to: connection)
    try connection.execute("INSERT INTO t VALUES(3)")
    try mirror.flush(seconds: 20)
    let id = try Self.key(2).id
    #expect(mirror.status().keyID == id)
    #expect(try mirror.prune(keeping: 0, dryRun: false).generations.count == 2)
    try mirror.stop()
    try expectEqual(store(2), path)
    let faults = try verify(store(2))
    #expect(faults == [], "\(faults)")
    // An unreadable entry may be a turn, and turns stay.
    for object in try objects
    where object.name.hasPrefix(ReplicaLayout.generations) && !object.name.contains("/wal/") {
      #expect(SealedObject.Header(object.bytes)?.keyID == id, "\(object.name)")
    }
  }
}
