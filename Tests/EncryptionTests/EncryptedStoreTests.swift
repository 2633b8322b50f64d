import Encryption
import ObjectStore
import TestSupport
import Testing

@Suite struct EncryptedStoreTests {
  private let base = MemoryStore()
  private let a = SealedObjectTests.key
  private let b = SealedObjectTests.other

  private func store(_ keys: [EncryptionKey], required: Bool = false) -> EncryptedStore {
    var ring = KeyRing(keys: keys, origin: "the test's file")
    ring.isRequired = required
    return EncryptedStore(base, keys: ring, open: ["lease.txt"])
  }

  private func error(_ body: () throws -> some Any) -> ObjectStoreError? {
    thrown(ObjectStoreError.self) { _ = try body() }
  }

  @Test(arguments: SealedObjectTests.sizes) func readsAnyPart(_ size: Int) throws {
    let (store, key) = (store([a]), try ObjectKey("x/y"))
    let content = SealedObjectTests.content(size)
    let etag = try store.put(key, content, .ifAbsent)
    #expect(try store.get(key).bytes == content)
    #expect(try store.get(key).etag == etag)
    #expect(try store.get(key).keyID == a.id)
    #expect(try store.head(key)?.size == size)
    let edges = [
      0, 1, 192, 65_535, 65_536, 65_537, 131_071, 131_072, size - 1, size, size + 1, size + 100_000,
    ]
    for start in edges where start >= 0 {
      for end in edges where end >= start {
        let expected = Array(content[(start..<end).clamped(to: 0..<size)])
        #expect(try store.get(key, range: start..<end).bytes == expected, "\(start)..<\(end)")
        #expect(try self.store([a]).get(key, range: start..<end).bytes == expected, "\(start)..<\(end)")
      }
    }
    #expect(error { try store.put(key, [1], .ifAbsent) }?.code == .preconditionFailed)
    try store.put(key, [1, 2], .ifMatch(etag))
    #expect(try store.get(key, range: 1..<5).bytes == [2])
  }

  /// A part is read without the bytes before and after it.
  @Test func readsNoMoreThanItNeeds() throws {
    let watched = FaultyStore(base)
    let ring = KeyRing(keys: [a], origin: "")
    let store = EncryptedStore(watched, keys: ring, open: [])
    let key = try ObjectKey("x")
    try store.put(key, SealedObjectTests.content(1 << 20), .always)
    let before = watched.calls(.get)
    _ = try store.get(key, range: 0..<192)
    #expect(watched.calls(.get) - before == 1)
    // The header is known now, so damage elsewhere does not matter.
    var damaged = try base.get(key).bytes
    damaged[damaged.count - 1] ^= 1
    let metered = EncryptedStore(base, keys: ring, open: [])
    try base.put(key, damaged, .always)
    #expect(try metered.get(key, range: 70_000..<70_010).bytes.count == 10)
    #expect(error { try metered.get(key, range: 1_048_570..<1_048_576) }?.code == .forged)
  }

  @Test func noticesObjectsThatWereExchanged() throws {
    let store = store([a])
    let keys = try ["x", "y"].map { try ObjectKey($0) }
    for key in keys { try store.put(key, Array(key.name.utf8), .always) }
    let contents = try keys.map { try base.get($0).bytes }
    try base.put(keys[0], contents[1], .always)
    try base.put(keys[1], contents[0], .always)
    for key in keys {
      let error = error { try store.get(key) }
      #expect(error?.code == .forged)
      #expect(
        error?.description
          == "get \(key): it is not what was encrypted under this name with key \(a.id): it was "
          + "altered, cut short or exchanged")
      #expect(self.error { try store.get(key, range: 0..<1) }?.code == .forged)
    }
  }

  @Test func noticesTruncationInAnyKindOfRead() throws {
    let (store, key) = (store([a]), try ObjectKey("x"))
    try store.put(key, SealedObjectTests.content(3 * 65_536), .always)
    let whole = try base.get(key).bytes
    for count in [57, 56 + 65_552, 56 + 2 * 65_552] {
      try base.put(key, Array(whole[..<count]), .always)
      #expect(error { try store.get(key) }?.code == .forged)
      #expect(error { try store.get(key, range: 0..<196_608) }?.code == .forged)
      #expect(error { try store.get(key, range: 131_072..<131_073) }?.code == .forged)
      #expect(error { try store.get(key, range: 500_000..<500_001) }?.code == .forged)
    }
  }

  @Test func reportsWhichKeyIsMissing() throws {
    let key = try ObjectKey("pages/x.zst")
    try store([a]).put(key, [1, 2, 3], .always)
    let none = error { try store([]).get(key) }
    #expect(none?.code == .sealed && none?.isTransient == false)
    #expect(
      none?.description
        == "get pages/x.zst: it is encrypted with key \(a.id): set S3_ENCRYPTION_KEY_FILE to a file that holds it"
    )
    #expect(error { try store([]).get(key, range: 0..<2) }?.code == .sealed)
    let wrong = error { try store([b]).get(key, range: 1..<2) }
    #expect(wrong?.code == .sealed)
    #expect(
      wrong?.cause
        == "it is encrypted with key \(a.id), which is not among those of the test's file (\(b.id)): "
        + "add it there, on a line of its own")
    #expect(try store([b, a]).get(key).bytes == [1, 2, 3])
  }

  @Test func leavesAloneWhatIsNotItsOwn() throws {
    let (plain, lease) = (try ObjectKey("plain"), try ObjectKey("lease.txt"))
    try store([]).put(plain, SealedObjectTests.content(100_000), .always)
    #expect(try base.get(plain).bytes == SealedObjectTests.content(100_000))
    let store = store([a])
    #expect(try store.get(plain).bytes == SealedObjectTests.content(100_000))
    #expect(try store.get(plain).keyID == nil)
    #expect(try store.get(plain, range: 0..<10).bytes == Array(SealedObjectTests.content(10)))
    #expect(
      try store.get(plain, range: 99_990..<200_000).bytes
        == Array(SealedObjectTests.content(100_000)[99_990...]))
    try store.put(lease, [1, 2, 3], .always)
    #expect(try base.get(lease).bytes == [1, 2, 3])
    #expect(try store.get(lease).bytes == [1, 2, 3])
    let strict = self.store([a], required: true)
    #expect(error { try strict.get(plain) }?.code == .forged)
    #expect(error { try strict.get(plain, range: 5..<6) }?.code == .forged)
    #expect(try strict.get(lease).bytes == [1, 2, 3])
  }

  /// The same content twice under the same name gives two different objects.
  @Test func encryptsAgainEachTime() throws {
    let (store, key) = (store([a]), try ObjectKey("x"))
    var seen: [[UInt8]] = []
    for _ in 0..<2 {
      try store.put(key, .init(repeating: 0, count: 64), .always)
      seen.append(try base.get(key).bytes)
    }
    #expect(seen[0][16..<48] != seen[1][16..<48])
    #expect(zip(seen[0][56...], seen[1][56...]).filter { $0 == $1 }.count < 12)
  }
}
