/// A place that keeps objects: S3, a directory, memory.
///
/// Calls block the calling thread and may be made from several threads at once. Keys are relative to the store's
/// root (bucket and prefix). Reads see every write that was acknowledged before (S3's strong consistency:
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel).
package protocol ObjectStore: Sendable {
  /// If it is, as a person writes it (`s3://bucket/prefix`, `file:///directory`). Never a secret.
  var url: String { get }

  /// How what is put is encrypted on its way into the store; nil if it is not.
  var encryption: StoreEncryption? { get }

  /// Stores an object whole; after it returns, the object survives a crash of the store's host.
  ///
  /// Throws `.preconditionFailed` if the condition does not hold, and the object is then as it was. A thrown
  /// `.unreachable` or `.timeout` leaves open whether the object was stored.
  @discardableResult
  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag

  /// The bytes of an object, or of the part of it that `range` names; a range past the end is cut short.
  ///
  /// Throws `.notFound` if there is no such object.
  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent

  /// What is known of an object without reading it; nil if there is none.
  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo?

  /// Up to `limit` objects (1 to 1,000) whose keys begin with `prefix` and sort after `after`, in byte order.
  ///
  /// An empty prefix lists everything. `isTruncated` says that more follow: call again with the last key. SeaweedFS
  /// sorts folder by folder: where the name of a folder begins the name of its neighbour (`a/x`, `a-b`), its pages
  /// are not in byte order, though still complete.
  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing

  /// Removes an object; removing one that is not there succeeds.
  func delete(_ key: ObjectKey) throws(ObjectStoreError)

  /// Microseconds since 1970 by the clock that `ObjectInfo.modified` is told by; nil if the store has not told its time yet.
  ///
  /// Makes no request over a network.
  func time() throws(ObjectStoreError) -> Int64?
}

extension ObjectStore {
  package var encryption: StoreEncryption? { nil }

  package func time() throws(ObjectStoreError) -> Int64? { nil }

  package func get(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectContent { try get(key, range: nil) }

  /// Every object whose key begins with `prefix`, in byte order, page by page.
  package func listAll(prefix: String, after: String? = nil) throws(ObjectStoreError) -> [ObjectInfo] {
    var found: [ObjectInfo] = []
    var last = after
    while true {
      let page = try list(prefix: prefix, after: last, limit: 1000)
      found += page.objects
      guard page.isTruncated, let next = page.objects.last?.key.name else { break }
      last = next
    }
    return found.sorted { $0.key < $1.key }
  }
}

/// Opaque version tag of an object's content, as S3's `ETag` without its quotes.
package struct ETag: Hashable, Sendable {
  package let value: String
  package init(_ value: String) { self.value = value }
}

/// When a put may take place.
package enum PutCondition: Hashable, Sendable {
  case always
  /// Only where no object has the key (`If-None-Match: *`).
  case ifAbsent
  /// Only where the object still has this tag (`If-Match`).
  case ifMatch(ETag)
}

/// Bytes of an object and the tag of the version they came from.
package struct ObjectContent: Sendable {
  package let bytes: [UInt8]
  package let etag: ETag
  /// The key that it was encrypted with, 16 hexadecimal digits; nil if it was not.
  package let keyID: String?
  package init(bytes: [UInt8], etag: ETag, keyID: String? = nil) {
    self.bytes = bytes
    self.etag = etag
    self.keyID = keyID
  }
}

/// What a listing or a head tells of an object.
package struct ObjectInfo: Hashable, Sendable {
  package let key: ObjectKey
  /// Length in bytes, `largest` at most: sums of sizes that a store makes up stay numbers.
  package let size: Int
  package let etag: ETag
  /// Seconds since 1970, by the store's clock.
  package let modified: Int64

  /// Bytes that one put can store (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html).
  package static let largest = 5 << 30

  package init(key: ObjectKey, size: Int, etag: ETag, modified: Int64) {
    self.key = key
    self.size = min(max(size, 0), Self.largest)
    self.etag = etag
    self.modified = modified
  }
}

/// One page of a listing.
package struct ObjectListing: Sendable {
  package let objects: [ObjectInfo]
  package let isTruncated: Bool
  package init(objects: [ObjectInfo], isTruncated: Bool) {
    self.objects = objects
    self.isTruncated = isTruncated
  }
}
