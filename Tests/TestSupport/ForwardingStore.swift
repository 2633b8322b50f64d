package import ObjectStore

/// A store that forwards all calls to another one, except those that it implements itself.
package protocol ForwardingStore: ObjectStore {
  var base: any ObjectStore { get }
}

extension ForwardingStore {
  package var url: String { base.url }
  package var encryption: StoreEncryption? { base.encryption }

  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    try base.put(key, bytes, condition)
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    try base.get(key, range: range)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? { try base.head(key) }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try base.list(prefix: prefix, after: after, limit: limit)
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) { try base.delete(key) }

  package func time() throws(ObjectStoreError) -> Int64? { try base.time() }
}
