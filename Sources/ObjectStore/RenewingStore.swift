internal import Synchronization

/// A store that is made again when its credentials no longer count.
///
/// Temporary credentials expire while a service runs. Another program renews them in the profile,
/// and `make` reads that anew. May be used on any thread.
package final class RenewingStore: ObjectStore {
  private struct State {
    var store: any ObjectStore
    /// The time of the last attempt to make it again; seconds of `clock`.
    var renewed = -Double.infinity
  }

  private let make: @Sendable () throws -> any ObjectStore
  private let clock: @Sendable () -> Double
  private let state: Mutex<State>
  package let url: String
  package let encryption: StoreEncryption?

  /// Minimum seconds between two attempts to make the store again.
  private static let interval = 1.0

  /// Makes a store; `clock` returns monotonic seconds.
  package init(
    clock: @escaping @Sendable () -> Double, make: @escaping @Sendable () throws -> any ObjectStore
  ) throws {
    let store = try make()
    (url, encryption) = (store.url, store.encryption)
    self.make = make
    self.clock = clock
    state = Mutex(State(store: store))
  }

  private func call<Value>(
    _ body: (any ObjectStore) throws(ObjectStoreError) -> Value
  ) throws(ObjectStoreError) -> Value {
    let store = state.withLock { $0.store }
    do throws(ObjectStoreError) {
      return try body(store)
    } catch {
      guard [.accessDenied, .badSignature].contains(error.code), let fresh = renewed() else { throw error }
      return try body(fresh)
    }
  }

  /// Makes the store again, unless that was just tried.
  private func renewed() -> (any ObjectStore)? {
    let now = clock()
    let isDue = state.withLock { state in
      guard now - state.renewed >= Self.interval else { return false }
      state.renewed = now
      return true
    }
    guard isDue, let fresh = try? make() else { return nil }
    state.withLock { $0.store = fresh }
    return fresh
  }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    try call { (store) throws(ObjectStoreError) -> ETag in try store.put(key, bytes, condition) }
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    try call { (store) throws(ObjectStoreError) -> ObjectContent in try store.get(key, range: range) }
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    try call { (store) throws(ObjectStoreError) -> ObjectInfo? in try store.head(key) }
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try call { (store) throws(ObjectStoreError) -> ObjectListing in
      try store.list(prefix: prefix, after: after, limit: limit)
    }
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    try call { (store) throws(ObjectStoreError) -> Void in try store.delete(key) }
  }

  package func time() throws(ObjectStoreError) -> Int64? {
    try state.withLock { $0.store }.time()
  }
}
