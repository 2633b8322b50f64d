import ObjectStore
import Synchronization
import TestSupport
import Testing

/// A store is made again when its credentials no longer count.
@Suite struct RenewingStoreTests {
  @Test func expiredCredentialsAreReadAgain() throws {
    let memory = MemoryStore()
    let made = Mutex(0)
    let old = FaultyStore(memory)
    let now = Mutex(100.0)
    let isRenewed = Mutex(false)
    let store = try RenewingStore(clock: { now.withLock { $0 } }) {
      made.withLock { $0 += 1 }
      return isRenewed.withLock { $0 } ? memory : old
    }
    let key = try ObjectKey("a")
    try store.put(key, [1], .always)
    old.always(.refuse(.accessDenied), for: .put)
    // The profile holds the old credentials still.
    #expect(throws: ObjectStoreError.self) { try store.put(key, [2], .always) }
    #expect(made.withLock { $0 } == 2)
    // It is not read again for each request.
    #expect(throws: ObjectStoreError.self) { try store.put(key, [2], .always) }
    #expect(made.withLock { $0 } == 2)
    isRenewed.withLock { $0 = true }
    now.withLock { $0 += 2 }
    try store.put(key, [3], .always)
    #expect(made.withLock { $0 } == 3)
    #expect(try store.get(key, range: nil).bytes == [3])
  }

  @Test func otherErrorsAreNoReason() throws {
    let made = Mutex(0)
    let faulty = FaultyStore(MemoryStore())
    faulty.always(.refuse(.unreachable), for: .get)
    let store = try RenewingStore(clock: { 100 }) {
      made.withLock { $0 += 1 }
      return faulty
    }
    #expect(throws: ObjectStoreError.self) { try store.get(ObjectKey("a"), range: nil) }
    #expect(made.withLock { $0 } == 1)
  }
}
