import CS3
import Digest
package import ObjectStore
import Synchronization

/// Objects in an S3 bucket, below a prefix, over libs3's blocking calls.
///
/// `S3Settings` reads the environment. `S3Call` makes one call: libs3 composes the request, `CS3`
/// hands it over, `SignatureV4` signs it, and `S3Failure` turns the answer into an error.
///
/// Calls may be made from several threads at once, but never from Swift's cooperative pool. A call
/// does not retry. If libs3 does not use our signature and certificate checks, nothing is sent. A
/// request ends at the calling thread's `RequestDeadline`, when an error's body has 64 KB, and when
/// a body is larger than allowed.
///
///     let settings = try S3Settings(environment: variables, home: home)
///     let store = try S3ObjectStore(settings: settings, bucket: "backups", prefix: "shop")
package final class S3ObjectStore: ObjectStore {
  package let url: String
  package let bucket: String
  let settings: S3Settings
  /// Empty, or a path that ends with a slash.
  let root: String
  let isVirtual: Bool
  private let isGivenUp: (@Sendable () -> Bool)?
  let sizeLimit: @Sendable (ObjectKey) -> Int
  private let requests = Atomic(0)
  let sent = Atomic(0)
  let checking = Mutex(BodyCheck.unknown)
  /// The time in the last answer.
  private let told = Mutex<TimeTold?>(nil)

  private struct TimeTold {
    /// The store's seconds since 1970, and the seconds that the local clock was ahead.
    let seconds: Int
    let ahead: Int
    /// `Timestamp.sinceBoot` at that moment.
    let moment: Double
  }

  /// Requests since the beginning, including failed ones.
  package var requestsMade: Int { requests.load(ordering: .relaxed) }
  /// Bytes of objects uploaded since the beginning, including failed uploads.
  package var bytesSent: Int { sent.load(ordering: .relaxed) }

  package var clockAhead: Int? { told.withLock { $0?.ahead } }

  /// Returns the time of the last answer's `Date` plus the time since then.
  package func time() throws(ObjectStoreError) -> Int64? {
    told.withLock { $0 }.map {
      Int64($0.seconds) * 1_000_000 + Int64(max(Timestamp.sinceBoot - $0.moment, 0) * 1e6)
    }
  }

  /// Makes a store.
  ///
  /// No request is made.
  ///
  /// `prefix` may be empty or follow the grammar of `ObjectKey`; slashes at its ends do not count.
  /// After a second of waiting, a call asks `isGivenUp` on its thread whether to stop; the request
  /// of a stopped call may have been done or not. Objects that are read as a whole may have up to
  /// `sizeLimit` bytes.
  package init(
    settings: S3Settings, bucket: String, prefix: String,
    isGivenUp: (@Sendable () -> Bool)? = nil,
    sizeLimit: @escaping @Sendable (ObjectKey) -> Int = { _ in ObjectInfo.largest }
  ) throws(ObjectStoreError) {
    self.isGivenUp = isGivenUp
    self.sizeLimit = sizeLimit
    guard Self.isBucketName(bucket) else {
      throw ObjectStoreError(
        .configuration, verb: "configure", object: "bucket \(bucket)",
        cause: "not a bucket's name: 3 to 255 letters, digits, dots, hyphens and underscores")
    }
    var trimmed = prefix[...]
    while trimmed.hasPrefix("/") { trimmed = trimmed.dropFirst() }
    while trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
    if !trimmed.isEmpty {
      guard (try? ObjectKey(String(trimmed))) != nil, trimmed.utf8.count <= 100 else {
        throw ObjectStoreError(
          .configuration, verb: "configure", object: "prefix \(trimmed)",
          cause: "may hold only letters, digits, - . _ ~ and single slashes, and at most 100 of them")
      }
    }
    self.settings = settings
    self.bucket = bucket
    root = trimmed.isEmpty ? "" : trimmed + "/"
    url = "s3://\(bucket)" + (trimmed.isEmpty ? "" : "/\(trimmed)")
    // A certificate for *.s3.amazonaws.com does not cover a bucket with a dot in its name.
    let fitsHost = !bucket.utf8.contains(UInt8(ascii: ".")) || !settings.endpoint.isSecure
    isVirtual = settings.addressing.map { $0 == .virtual } ?? (settings.endpoint.isAmazon && fitsHost)
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let shown = "\(url)/\(prefix)"
    guard Self.isListable(prefix), Self.isListable(after ?? "") else {
      throw ObjectStoreError(.invalidKey, verb: "list", object: shown, cause: "no object's key begins so")
    }
    let limit = min(max(limit, 1), 1000)
    if after != nil, isGivenUp?() == true {
      throw ObjectStoreError(.unreachable, verb: "list", object: shown, cause: "interrupted")
    }
    let call = call(bodyLimit: Self.longestPage) { target, callbacks, outcome in
      cs3_list(
        target, root + prefix, after.map { root + $0 }, Int32(limit), callbacks, outcome)
    }
    if let failure = failure(of: call, verb: "list", object: shown) { throw failure }
    guard call.entries.count <= Self.mostEntries else {
      throw ObjectStoreError(
        .damaged, verb: "list", object: shown, cause: "a page of the listing has more than 1000 objects")
    }
    guard call.outcome.libs3_status == 0, call.outcome.is_whole != 0 else {
      throw ObjectStoreError(
        .damaged, verb: "list", object: shown, cause: "the store's answer is not a whole listing")
    }
    var objects: [ObjectInfo] = []
    for entry in call.entries where entry.key.hasPrefix(root) {
      // Objects with other names are from other programs.
      guard let key = try? ObjectKey(String(entry.key.dropFirst(root.count))) else { continue }
      objects.append(ObjectInfo(key: key, size: entry.size, etag: ETag(entry.etag), modified: entry.modified))
    }
    let isTruncated = call.outcome.is_truncated != 0 || call.entries.count >= limit
    if let after, !Self.goesOn(call.entries.map(\.key), after: root + after, isTruncated: isTruncated) {
      throw ObjectStoreError(
        .damaged, verb: "list", object: shown,
        cause: "the listing does not go on: the store sent the same names again")
    }
    if isTruncated, objects.isEmpty, let last = call.entries.last?.key, last.hasPrefix(root) {
      return try list(prefix: prefix, after: String(last.dropFirst(root.count)), limit: limit)
    }
    return ObjectListing(objects: objects, isTruncated: isTruncated && !objects.isEmpty)
  }

  /// Returns whether a page has new names: otherwise a listing would never end.
  ///
  /// Only the last name matters if more pages follow, because SeaweedFS sorts folder by folder.
  private static func goesOn(_ keys: [String], after: String, isTruncated: Bool) -> Bool {
    func isLater(_ key: String) -> Bool { after.utf8.lexicographicallyPrecedes(key.utf8) }
    guard let last = keys.last else { return true }
    return isTruncated ? isLater(last) : keys.contains(where: isLater)
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    let call = call { target, callbacks, outcome in cs3_delete(target, root + key.name, callbacks, outcome) }
    if let failure = failure(of: call, verb: "delete", object: key.name), failure.code != .notFound {
      throw failure
    }
    guard call.outcome.unexpected_count == 0 else { throw notAnAnswer(call, "delete", key) }
  }

  /// Makes the bucket.
  ///
  /// A bucket that is ours already does not change.
  package func createBucket() throws(ObjectStoreError) {
    let needsPlace = settings.endpoint.isAmazon && settings.region != "us-east-1"
    let body =
      needsPlace
      ? "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>"
        + "\(settings.region)</LocationConstraint></CreateBucketConfiguration>" : ""
    let bytes = Array(body.utf8)
    let call = call(payload: sha256(bytes), resourcePrefix: "") { target, callbacks, outcome in
      cs3_create_bucket(target, bytes, bytes.count, callbacks, outcome)
    }
    if let failure = failure(of: call, verb: "create bucket", object: bucket) {
      if S3Answer(call.failureBody).code == "BucketAlreadyOwnedByYou" { return }
      throw failure
    }
  }
}

// MARK: - One call

extension S3ObjectStore {
  typealias Body = (
    UnsafePointer<cs3_target>, UnsafePointer<cs3_callbacks>, UnsafeMutablePointer<cs3_outcome>
  ) -> Void

  /// The maximum size of a page: 1,000 names of 1,024 bytes, each byte as a reference of six
  /// characters, and the other fields.
  static let longestPage = 8 << 20
  /// The maximum number of entries of a page; no store sends more than 1,000.
  static let mostEntries = 1000

  /// `digest` is the SHA-256 of the body, if there is one.
  func call(
    payload digest: [UInt8]? = nil, extraHeaders: [Header] = [], resourcePrefix: String? = nil,
    bodyLimit: Int = 0, _ body: Body
  ) -> S3Call {
    let call = S3Call(
      settings: settings, resourcePrefix: resourcePrefix ?? (isVirtual ? "/\(bucket)" : ""), digest: digest,
      extraHeaders: extraHeaders, isGivenUp: isGivenUp)
    requests.add(1, ordering: .relaxed)
    withTarget(bodyLimit: bodyLimit) { target in
      call.run { callbacks, outcome in body(target, callbacks, outcome) }
    }
    if let date = call.headers["date"], let theirs = Timestamp.seconds(http: date) {
      let now = TimeTold(seconds: theirs, ahead: Timestamp.now() - theirs, moment: Timestamp.sinceBoot)
      told.withLock { $0 = now }
    }
    return call
  }

  private func withTarget(bodyLimit: Int, _ body: (UnsafePointer<cs3_target>) -> Void) {
    let deadline = RequestDeadline.current
    settings.endpoint.host.withCString { host in
      bucket.withCString { bucket in
        withOptionalCString(settings.caBundle) { file in
          var target = cs3_target(
            host: host, bucket: bucket, is_secure: settings.endpoint.isSecure ? 1 : 0,
            is_virtual: isVirtual ? 1 : 0,
            ca_file: file, is_watched: isGivenUp == nil ? 0 : 1,
            connect_timeout_seconds: settings.connectTimeout,
            idle_timeout_seconds: settings.transferTimeout,
            // A deadline of 0 means none.
            deadline: deadline.map { max($0, .leastNonzeroMagnitude) } ?? 0, body_limit: UInt64(bodyLimit))
          body(&target)
        }
      }
    }
  }

  func failure(of call: S3Call, verb: String, object: String) -> ObjectStoreError? {
    S3Failure(call: call, settings: settings, bucket: bucket).error(verb: verb, object: object)
  }

  /// Returns whether libs3 and a URL can hold a bucket's name.
  ///
  /// Servers other than Amazon's allow more than its 63 lower-case characters.
  private static func isBucketName(_ name: String) -> Bool {
    (3...255).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: ".")
      && name.utf8.first != UInt8(ascii: "-")
      && name.utf8.allSatisfy {
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".utf8.contains($0)
      }
  }

  private static func isListable(_ prefix: String) -> Bool {
    prefix.utf8.count <= 900 && prefix == percentEncoded(Array(prefix.utf8), keepingSlash: true)
  }
}

private func withOptionalCString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
  guard let text else { return body(nil) }
  text.withCString(body)
}
