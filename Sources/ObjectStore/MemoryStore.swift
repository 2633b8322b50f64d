import Synchronization

/// A store in memory, for tests.
package final class MemoryStore: ObjectStore {
  package let url: String
  private let now: @Sendable () -> Int64
  private let state = Mutex(State())

  private struct State {
    var objects: [ObjectKey: (bytes: [UInt8], etag: ETag, modified: Int64)] = [:]
    var version = 0
  }

  /// `now` returns the seconds since 1970 for the time of objects.
  package init(url: String = "memory://store", now: @escaping @Sendable () -> Int64 = { 0 }) {
    self.url = url
    self.now = now
  }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    let modified = now()
    let etag: ETag? = state.withLock { state in
      let present = state.objects[key]?.etag
      switch condition {
      case .always: break
      case .ifAbsent: if present != nil { return nil }
      case .ifMatch(let wanted): if present != wanted { return nil }
      }
      state.version += 1
      let etag = ETag("v\(state.version)")
      state.objects[key] = (bytes, etag, modified)
      return etag
    }
    guard let etag else {
      throw ObjectStoreError(
        .preconditionFailed, verb: "put", object: key.name,
        cause: "the object is not as the condition wants it")
    }
    return etag
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    guard let object = state.withLock({ $0.objects[key] }) else {
      throw ObjectStoreError(.notFound, verb: "get", object: key.name, cause: "no such object")
    }
    guard let range else { return ObjectContent(bytes: object.bytes, etag: object.etag) }
    return ObjectContent(
      bytes: Array(object.bytes[range.clamped(to: 0..<object.bytes.count)]), etag: object.etag)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    state.withLock { $0.objects[key] }.map {
      ObjectInfo(key: key, size: $0.bytes.count, etag: $0.etag, modified: $0.modified)
    }
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let all = state.withLock { state in
      state.objects.filter { key, _ in
        key.name.utf8.starts(with: prefix.utf8)
          && (after.map { $0.utf8.lexicographicallyPrecedes(key.name.utf8) } ?? true)
      }.map { ObjectInfo(key: $0, size: $1.bytes.count, etag: $1.etag, modified: $1.modified) }
    }.sorted { $0.key < $1.key }
    return ObjectListing(objects: Array(all.prefix(limit)), isTruncated: all.count > limit)
  }

  package func time() throws(ObjectStoreError) -> Int64? { now() * 1_000_000 }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    state.withLock { _ = $0.objects.removeValue(forKey: key) }
  }
}
