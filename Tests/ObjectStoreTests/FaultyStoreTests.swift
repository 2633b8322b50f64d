import ObjectStore
import TestSupport
import Testing

/// The faults that other tests use.
@Suite struct FaultyStoreTests {
  let base = MemoryStore()

  @Test func failsAsPlanned() throws {
    let store = FaultyStore(base)
    store.plan(.refuse(.serverError), for: .put, at: 1)
    store.plan(.loseAnswer, for: .put, at: 2)
    #expect(throws: ObjectStoreError.self) { try store.put(try key("a"), [1], .always) }
    #expect(try base.head(try key("a")) == nil)
    #expect(throws: ObjectStoreError.self) { try store.put(try key("a"), [2], .always) }
    #expect(try base.get(try key("a")).bytes == [2])
    try store.put(try key("a"), [3, 4], .always)
    store.plan(.truncate(to: 1), for: .get, at: 1)
    #expect(try store.get(try key("a")).bytes == [3])
    #expect(store.calls(.put) == 3 && store.calls == 4 && store.bytesPut == 4)
    store.isDown = true
    let error = thrown { try store.head(try key("a")) }
    #expect(error?.code == .unreachable)
  }

  @Test func listsLateAndInParts() throws {
    let store = FaultyStore(base)
    for name in ["a", "b", "c"] { try base.put(try key(name), [], .always) }
    store.always(.listLate(missing: 1), for: .list)
    #expect(try store.listAll(prefix: "").map(\.key.name) == ["a", "b"])
    store.always(.listPart(of: 1), for: .list)
    #expect(try store.listAll(prefix: "").map(\.key.name) == ["a", "b", "c"])
    store.always(nil, for: .list)
    #expect(try store.list(prefix: "", after: nil, limit: 10).objects.count == 3)
  }
}
