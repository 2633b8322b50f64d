/// A place that keeps objects: S3, a directory, or memory.
///
/// The main types of this target are this protocol, `ObjectKey`, and `ObjectStoreError`. A store
/// calls nothing above it; `Replicator` writes through it and `Restore` reads.
///
/// Calls block the calling thread, and may be made from several threads at once. Keys are relative
/// to the store's root (bucket and prefix). Reads and listings see every put that returned before
/// (S3's strong consistency:
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel).
///
///     let store: any ObjectStore = MemoryStore()
///     try store.put(ObjectKey("wal/1"), bytes, .ifAbsent)
///     let content = try store.get(ObjectKey("wal/1"))
package protocol ObjectStore: Sendable {
  /// The URL as a person writes it (`s3://bucket/prefix`, `file:///directory`).
  ///
  /// It never holds a secret.
  var url: String { get }

  /// How the store encrypts objects before they leave; nil if it does not.
  var encryption: StoreEncryption? { get }

  /// Stores a whole object.
  ///
  /// After it returns, the object survives a crash of the store's host.
  ///
  /// Throws `.preconditionFailed` if the condition does not hold; the object is then unchanged.
  /// After `.unreachable` or `.timeout` the object may have been stored or not.
  @discardableResult
  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag

  /// Returns the bytes of an object, or of its part `range`; a range past the end is cut.
  ///
  /// Throws `.notFound` if there is no such object.
  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent

  /// Returns size, time and tag of an object without its content; nil if there is no such object.
  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo?

  /// Returns up to `limit` objects (1 to 1,000) whose keys begin with `prefix` and sort after
  /// `after`, in byte order.
  ///
  /// An empty prefix lists everything. If `isTruncated` is true, call again with the last key.
  /// SeaweedFS sorts folder by folder: if the name of a folder begins the name of its neighbour
  /// (`a/x`, `a-b`), its pages are complete but not in byte order.
  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing

  /// Removes an object.
  ///
  /// It is no error if there is no such object.
  func delete(_ key: ObjectKey) throws(ObjectStoreError)

  /// Returns microseconds since 1970 by the store's clock, the clock of `ObjectInfo.modified`; nil
  /// if it is not known yet.
  ///
  /// Makes no request over a network.
  func time() throws(ObjectStoreError) -> Int64?
}

extension ObjectStore {
  package var encryption: StoreEncryption? { nil }

  package func time() throws(ObjectStoreError) -> Int64? { nil }

  package func get(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectContent { try get(key, range: nil) }

  /// Returns every object whose key begins with `prefix`, in byte order, page by page.
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

/// The version tag of an object's content: S3's `ETag` without its quotes.
package struct ETag: Hashable, Sendable {
  package let value: String
  package init(_ value: String) { self.value = value }
}

/// The condition of a put.
package enum PutCondition: Hashable, Sendable {
  case always
  /// Put only if no object has the key (`If-None-Match: *`).
  case ifAbsent
  /// Put only if the object still has this tag (`If-Match`).
  case ifMatch(ETag)
}

/// The bytes of an object, and the tag of their version.
package struct ObjectContent: Sendable {
  package let bytes: [UInt8]
  package let etag: ETag
  /// The key that it was encrypted with, 16 hexadecimal digits; nil if it was not encrypted.
  package let keyID: String?
  package init(bytes: [UInt8], etag: ETag, keyID: String? = nil) {
    self.bytes = bytes
    self.etag = etag
    self.keyID = keyID
  }
}

/// The attributes of an object, as a listing or a head returns them.
package struct ObjectInfo: Hashable, Sendable {
  package let key: ObjectKey
  /// Length in bytes, limited to `largest`, so that sums of sizes from a faulty store do not
  /// overflow.
  package let size: Int
  package let etag: ETag
  /// Seconds since 1970, by the store's clock.
  package let modified: Int64

  /// The maximum size of one put
  /// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html).
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
