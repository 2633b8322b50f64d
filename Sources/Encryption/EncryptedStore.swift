internal import Digest
package import ObjectStore
internal import Synchronization

/// A store that encrypts objects on their way into another store, and decrypts them with any key of
/// the ring.
///
/// Names do not change. `list` returns the lengths of the stored objects; all other calls return
/// lengths of the content. Without a key everything passes through, and encrypted objects are
/// refused.
///
///     let sealed = EncryptedStore(store, keys: ring, open: ReplicaLayout.open)
package final class EncryptedStore: DetailedStore {
  private let store: any ObjectStore
  private let ring: KeyRing
  /// Beginnings of the names of objects that are never encrypted.
  private let open: [String]
  /// Headers that are remembered: those of all parts of a database of 64 GiB, in about a megabyte.
  private static let mostHeaders = 4096
  /// Headers of objects that are being read part by part.
  private let headers = Mutex<[ObjectKey: (header: SealedObject.Header, etag: ETag)]>([:])

  package init(_ store: any ObjectStore, keys: KeyRing, open: [String]) {
    self.store = store
    ring = keys
    self.open = open
  }

  package var url: String { store.url }

  package var encryption: StoreEncryption? {
    ring.keys.first.map { key in
      StoreEncryption(
        keyID: key.id, naming: key.derived(for: "part names"),
        contentSize: { SealedObject.contentSize(ofSealed: $0) })
    }
  }

  private func isOpen(_ key: ObjectKey) -> Bool { open.contains { key.name.hasPrefix($0) } }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    guard let secret = ring.keys.first, !isOpen(key) else {
      return try store.put(key, bytes, condition)
    }
    return try store.put(
      key, SealedObject.seal(bytes, name: key.name, key: secret, salt: Self.salt()), condition)
  }

  private static func salt() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let words: [UInt64] = (0..<SealedObject.saltSize / 8).map { _ in random.next() }
    return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    guard !isOpen(key) else { return try store.get(key, range: range) }
    guard let range, !range.isEmpty else { return try whole(key, range) }
    if range.lowerBound == 0 { return try beginning(key, range) }
    // Without a key, the header was refused before, at the beginning.
    return ring.keys.isEmpty ? try store.get(key, range: range) : try part(key, range)
  }

  private func whole(_ key: ObjectKey, _ range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let content = try store.get(key, range: range)
    guard range == nil else { return content }
    guard let header = SealedObject.Header(content.bytes) else { return try accept(key, content) }
    guard content.bytes.count == header.sealedSize else { throw forgery(key, header) }
    return try decrypt(key, header, content, 0...header.chunkCount - 1, from: 0)
  }

  /// Returns the content from the first byte on, with one request for header and chunks.
  private func beginning(_ key: ObjectKey, _ range: Range<Int>) throws(ObjectStoreError) -> ObjectContent {
    let wanted =
      ring.keys.isEmpty
      ? max(range.upperBound, SealedObject.Header.size)
      : SealedObject.stored(upTo: range.upperBound)
    let content = try store.get(key, range: 0..<wanted)
    guard let header = SealedObject.Header(content.bytes) else {
      return try accept(key, content, range)
    }
    note(key, header, content.etag)
    return try decrypt(key, header, content, header.chunks(holding: range), from: 0, range)
  }

  private func part(_ key: ObjectKey, _ range: Range<Int>) throws(ObjectStoreError) -> ObjectContent {
    for _ in 0..<2 {
      let known: (header: SealedObject.Header, etag: ETag)
      if let noted = headers.withLock({ $0[key] }) {
        known = noted
      } else {
        let start = try store.get(key, range: 0..<SealedObject.Header.size)
        guard let header = SealedObject.Header(start.bytes) else {
          return try accept(key, try store.get(key, range: range))
        }
        note(key, header, start.etag)
        known = (header, start.etag)
      }
      let chunks = known.header.chunks(holding: range)
      let stored = known.header.stored(chunks)
      let content = try store.get(key, range: stored)
      if content.etag == known.etag {
        return try decrypt(key, known.header, content, chunks, from: stored.lowerBound, range)
      }
      // Another object has replaced it.
      headers.withLock { $0[key] = nil }
    }
    throw ObjectStoreError(.damaged, verb: "get", object: key.name, cause: "it changes while it is read")
  }

  private func note(_ key: ObjectKey, _ header: SealedObject.Header, _ etag: ETag) {
    headers.withLock {
      if $0.count >= Self.mostHeaders { $0.removeAll() }
      $0[key] = (header, etag)
    }
  }

  /// Returns the content of an object that is not encrypted.
  ///
  /// More bytes may have been read than were asked for.
  private func accept(
    _ key: ObjectKey, _ content: ObjectContent, _ range: Range<Int>? = nil
  ) throws(ObjectStoreError) -> ObjectContent {
    guard !ring.isRequired else {
      throw ObjectStoreError(
        .forged, verb: "get", object: key.name,
        cause: "it is not encrypted, and S3_ENCRYPTION=required wants that it is")
    }
    guard let range, range.upperBound < content.bytes.count else { return content }
    return ObjectContent(bytes: Array(content.bytes[range]), etag: content.etag)
  }

  private func decrypt(
    _ key: ObjectKey, _ header: SealedObject.Header, _ content: ObjectContent, _ chunks: ClosedRange<Int>,
    from start: Int, _ range: Range<Int>? = nil
  ) throws(ObjectStoreError) -> ObjectContent {
    guard let secret = ring.key(header.keyIdentifier) else { throw missingKey(key, header) }
    guard
      let bytes = SealedObject.open(
        chunks, of: header, stored: content.bytes, from: start, name: key.name, key: secret)
    else { throw forgery(key, header) }
    let all = header.content(of: chunks.lowerBound).lowerBound
    let part = range.map { $0.clamped(to: all..<all + bytes.count) }
    return ObjectContent(
      bytes: part.map { Array(bytes[$0.lowerBound - all..<$0.upperBound - all]) } ?? bytes,
      etag: content.etag, keyID: secret.id)
  }

  private func missingKey(_ key: ObjectKey, _ header: SealedObject.Header) -> ObjectStoreError {
    let have = ring.keys.map(\.id).joined(separator: ", ")
    return ObjectStoreError(
      .sealed, verb: "get", object: key.name,
      cause: "it is encrypted with key \(header.keyID)"
        + (ring.keys.isEmpty
          ? ": set S3_ENCRYPTION_KEY_FILE to a file that holds it"
          : ", which is not among those of \(ring.origin) (\(have)): add it there, on a line of its own"))
  }

  private func forgery(_ key: ObjectKey, _ header: SealedObject.Header) -> ObjectStoreError {
    ObjectStoreError(
      .forged, verb: "get", object: key.name,
      cause:
        "it is not what was encrypted under this name with key \(header.keyID): it was altered, cut short or "
        + "exchanged")
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    guard let info = try store.head(key) else { return nil }
    guard !ring.keys.isEmpty, !isOpen(key), info.size >= SealedObject.Header.size,
      let header = SealedObject.Header(try store.get(key, range: 0..<SealedObject.Header.size).bytes)
    else { return info }
    return ObjectInfo(key: key, size: header.length, etag: info.etag, modified: info.modified)
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try store.list(prefix: prefix, after: after, limit: limit)
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) { try store.delete(key) }

  package func time() throws(ObjectStoreError) -> Int64? { try store.time() }

  // MARK: How it is reached

  package var details: [StoreDetail] {
    let own =
      ring.keys.first.map { "AES-256-GCM, key \($0.id) from \(ring.origin)" }
      ?? "none: whoever may read the store may read the database"
    let others = ring.keys.dropFirst().map(\.id).joined(separator: ", ")
    return ((store as? any DetailedStore)?.details ?? []) + [StoreDetail("encryption", own)]
      + (others.isEmpty ? [] : [StoreDetail("read with", others)])
  }

  package var clockAhead: Int? { (store as? any DetailedStore)?.clockAhead }

  package func permission(for operation: String) -> String {
    (store as? any DetailedStore)?.permission(for: operation) ?? "permission to \(operation)"
  }
}
