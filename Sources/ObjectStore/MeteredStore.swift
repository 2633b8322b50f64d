internal import Synchronization

/// Counts the calls to another store.
package final class MeteredStore: ObjectStore {
  private let store: any ObjectStore
  private let requestCount = Atomic(0)
  private let byteCount = Atomic(0)

  package init(_ store: any ObjectStore) { self.store = store }

  package var url: String { store.url }
  package var encryption: StoreEncryption? { store.encryption }

  /// Calls since the beginning, including failed ones.
  package var requests: Int { requestCount.load(ordering: .relaxed) }
  /// Bytes of objects given to `put` since the beginning, including failed uploads.
  package var bytesSent: Int { byteCount.load(ordering: .relaxed) }

  private func count(_ bytes: Int = 0) {
    requestCount.add(1, ordering: .relaxed)
    byteCount.add(bytes, ordering: .relaxed)
  }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    count(bytes.count)
    return try store.put(key, bytes, condition)
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    count()
    return try store.get(key, range: range)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    count()
    return try store.head(key)
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    count()
    return try store.list(prefix: prefix, after: after, limit: limit)
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    count()
    try store.delete(key)
  }

  package func time() throws(ObjectStoreError) -> Int64? { try store.time() }
}
