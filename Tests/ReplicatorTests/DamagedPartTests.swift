import Compression
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import Synchronization
import TestSupport
import Testing

/// Tests parts with valid frames and length but other pages, which only hashes reveal.
@Suite struct DamagedPartTests {
  private let store = AlteringStore(MemoryStore())
  private let fixture: MirrorFixture
  private let part: String

  init() throws {
    fixture = try MirrorFixture(store)
    fixture.settings.partBytes = 64 << 10
    try fixture.open()
    try fixture.run("PRAGMA page_size=4096; CREATE TABLE t(a, b)")
    try fixture.run(
      "INSERT INTO t SELECT value, randomblob(3000) FROM json_each('[1,2,3,4,5,6,7,8,9,10]'), "
        + "(VALUES(1),(2),(3),(4),(5),(6),(7),(8))")
    try fixture.close()
    // The mirror began with an empty database, so only another base holds pages.
    try fixture.open()
    try fixture.flush()
    try #require(fixture.mirror).snapshot()
    try fixture.close()
    let catalog = ReplicaCatalog(store)
    let generation = try #require(try catalog.generations().last)
    let base = try #require(try catalog.contents(of: generation).bases.last)
    let parts = try catalog.manifest(generation, base).parts
    #expect(parts.count > 3)
    part = ReplicaLayout.part(parts[2].digest)
  }

  /// Returns the part with one byte of a page changed.
  private func altered() throws -> [UInt8] {
    let bytes = try store.get(ObjectKey(part)).bytes
    let pages = try Zstandard.decompress(bytes, 0..<bytes.count, limit: 1 << 20)
    for index in stride(from: bytes.count / 2, to: bytes.count, by: 1) {
      var other = bytes
      other[index] ^= 1
      guard let found = try? Zstandard.decompress(other, 0..<other.count, limit: 1 << 20) else { continue }
      if found.count == pages.count, found != pages { return other }
    }
    throw Poll.TimedOut()
  }

  @Test func isFetchedOnceMore() throws {
    store.alter(part, try altered(), times: 1)
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
    #expect(store.left == 0)
  }

  @Test(arguments: [Restore.Source.wal, .sql]) func isNamed(_ source: Restore.Source) throws {
    store.alter(part, try altered(), times: .max)
    let error = try requireThrown(FormatError.self) { try fixture.restore(source) }
    #expect(error.object == part)
  }
}

/// Answers some gets with other bytes.
private final class AlteringStore: ForwardingStore {
  let base: any ObjectStore
  private let state = Mutex<(name: String, bytes: [UInt8], left: Int)>(("", [], 0))

  init(_ base: any ObjectStore) { self.base = base }

  func alter(_ name: String, _ bytes: [UInt8], times: Int) { state.withLock { $0 = (name, bytes, times) } }

  /// The number of altered answers that are left.
  var left: Int { state.withLock { $0.left } }

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let content = try base.get(key, range: range)
    return state.withLock { state in
      guard key.name == state.name, state.left > 0 else { return content }
      state.left -= 1
      return ObjectContent(bytes: state.bytes, etag: content.etag)
    }
  }
}
