import Dispatch
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests merges of slices while a base is being stored.
@Suite struct BaseBoundaryTests {
  @Test func neverMergesAcrossABase() throws {
    let store = GatedStore()
    let fixture = try MirrorFixture(store)
    fixture.settings.syncInterval = 0
    fixture.settings.baseBytes = 40_000
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.flush()
    store.isShut = true
    // The log becomes larger than the database, and its base waits for the store.
    var rows = 0
    func insert() throws {
      rows += 1
      try fixture.run("INSERT INTO t VALUES(\(rows), hex(randomblob(20)))")
      try fixture.flush()
    }
    while !store.isWaitedFor, rows < 500 { try insert() }
    for _ in 0..<100 { try insert() }
    store.isShut = false
    func bases() throws -> [BaseName] { try ReplicaCatalog(store).newest().bases }
    try Poll.until { (try? bases().count) ?? 0 > 1 }
    for _ in 0..<40 { try insert() }
    try fixture.close()
    // Without replaced slices, a chain leads from each base to the end.
    let catalog = ReplicaCatalog(store)
    let contents = try catalog.newest()
    let kept = contents.slices.filter { slice in
      !contents.slices.contains {
        $0 != slice && $0.transactions.lowerBound <= slice.transactions.lowerBound
          && $0.transactions.upperBound >= slice.transactions.upperBound
      }
    }
    for slice in contents.slices where !kept.contains(slice) {
      try store.delete(ObjectKey(slice.key))
    }
    let left = try catalog.contents(of: contents.generation)
    #expect(left.bases.count > 1 && left.slices.count < 100)
    for base in left.bases { #expect(left.chain(after: base).end == UInt64(rows) + 1, "after base \(base)") }
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }
}

/// Blocks parts of bases while it is shut.
private final class GatedStore: ForwardingStore {
  let base: any ObjectStore = MemoryStore()
  private let gate = FaultyStore(MemoryStore())
  var isShut: Bool {
    get { gate.isDown }
    set { gate.isDown = newValue }
  }
  /// Whether a request waits.
  var isWaitedFor: Bool { gate.calls(.head) > 0 }

  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    if key.name.hasPrefix(ReplicaLayout.pages) {
      while isShut {
        _ = try? gate.head(key)
        Clock.sleep(seconds: 0.01)
      }
    }
    return try base.put(key, bytes, condition)
  }
}
