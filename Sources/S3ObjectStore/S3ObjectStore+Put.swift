import CS3
import Digest
package import ObjectStore
import Synchronization

/// How a store can be had to check that the bytes which came are those that were sent.
enum BodyCheck {
  case unknown
  /// It checks `x-amz-checksum-sha256`, as its answers tell.
  case knowsSHA256
  /// It does not, or refuses the header.
  case wantsMD5
}

extension S3ObjectStore {
  /// Bytes of a body from which on it matters how long a checksum takes.
  private static let longBody = 1 << 20

  /// Stores an object, and has the store check its bytes.
  ///
  /// SeaweedFS, for one, keeps an empty object where a client dies between the headers and the body unless it has a
  /// checksum to hold it against. `Content-MD5` is known everywhere, but takes more than the SHA-256, which the
  /// signature needs anyway: long bodies go with that where the store is found to check it. Only those without a condition,
  /// for they may have to be sent again.
  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    let digest = sha256(bytes)
    if condition == .always, bytes.count >= Self.longBody, settings.signature == .v4,
      let tag = try putChecked(key, bytes, digest)
    {
      return tag
    }
    var headers = [Header(name: "Content-MD5", value: base64(md5(bytes)))]
    switch condition {
    case .always: break
    case .ifAbsent: headers.append(Header(name: "If-None-Match", value: "*"))
    case .ifMatch(let tag): headers.append(Header(name: "If-Match", value: "\"\(tag.value)\""))
    }
    let call = send(key, bytes, digest, headers)
    if let failure = failure(of: call, verb: "put", object: key.name) {
      // Amazon's answer to If-Match if there is no object at all.
      if case .ifMatch = condition, failure.code == .notFound {
        throw ObjectStoreError(
          .preconditionFailed, verb: "put", object: key.name, cause: "the object is gone")
      }
      throw failure
    }
    return try tag(of: call, key, bytes, condition)
  }

  /// The tag of what was stored, if the answer to a put says that it was: status 200, a tag, no body, and the bytes' own
  /// MD5 if the tag is one.
  ///
  /// Anything else is not from the store (a portal's page), or not about these bytes.
  private func tag(
    of call: S3Call, _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    let tag = unquoted(call.headers["etag"] ?? "")
    guard call.outcome.http_status == 200, !tag.isEmpty, call.outcome.unexpected_count == 0 else {
      throw notAnAnswer(call, "put", key)
    }
    guard TagProof(tag, headers: call.headers, of: bytes) == .isOther else { return ETag(tag) }
    // It has stored other bytes, which must not stand in the way of the right ones.
    if condition == .ifAbsent { return try put(key, bytes, .ifMatch(ETag(tag))) }
    throw ObjectStoreError(
      .damaged, verb: "put", object: key.name,
      cause: "the tag of what \(settings.endpoint.host) stored is not the MD5 of what was sent")
  }

  /// An answer with a status of success that does not say what the request asked.
  func notAnAnswer(_ call: S3Call, _ verb: String, _ key: ObjectKey) -> ObjectStoreError {
    let failure = S3Failure(call: call, settings: settings, bucket: bucket)
    let (code, cause) = failure.notAnAnswer
    return ObjectStoreError(code, verb: verb, object: key.name, cause: cause)
  }

  /// Stores an object with its SHA-256; nil if the store does not check that.
  private func putChecked(
    _ key: ObjectKey, _ bytes: [UInt8], _ digest: [UInt8]
  ) throws(ObjectStoreError) -> ETag? {
    let known = checking.withLock { $0 }
    guard known != .wantsMD5 else { return nil }
    let checksum = Header(name: "x-amz-checksum-sha256", value: base64(digest))
    let call = send(key, bytes, digest, [checksum])
    let failure = failure(of: call, verb: "put", object: key.name)
    if failure == nil, call.headers[checksum.name] == checksum.value {
      let tag = unquoted(call.headers["etag"] ?? "")
      guard call.outcome.http_status == 200, !tag.isEmpty, call.outcome.unexpected_count == 0 else {
        throw notAnAnswer(call, "put", key)
      }
      checking.withLock { $0 = .knowsSHA256 }
      return ETag(tag)
    }
    let status = call.outcome.http_status
    // Some refuse headers that they do not know, or hang up.
    if known == .unknown, failure == nil || [0, 400, 501].contains(status) {
      checking.withLock { if $0 == .unknown { $0 = .wantsMD5 } }
    }
    if let failure, known == .knowsSHA256 || ![400, 501].contains(status) { throw failure }
    return nil
  }

  private func send(_ key: ObjectKey, _ bytes: [UInt8], _ digest: [UInt8], _ headers: [Header]) -> S3Call {
    var headers = headers
    if let storageClass = settings.storageClass {
      headers.append(Header(name: "x-amz-storage-class", value: storageClass))
    }
    sent.add(bytes.count, ordering: .relaxed)
    return call(payload: digest, extraHeaders: headers) { target, callbacks, outcome in
      cs3_put(target, root + key.name, bytes, bytes.count, callbacks, outcome)
    }
  }
}
