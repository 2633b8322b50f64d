import CS3
import Digest
package import ObjectStore
import Synchronization

/// How the store checks that the received bytes are those that were sent.
enum BodyCheck {
  case unknown
  /// The store checks `x-amz-checksum-sha256`; its answers show that.
  case knowsSHA256
  /// The store does not check it, or refuses the header.
  case wantsMD5
}

extension S3ObjectStore {
  /// Size of a body from which the time for a checksum matters.
  private static let longBody = 1 << 20

  /// Stores an object, and makes the store check its bytes.
  ///
  /// SeaweedFS, for example, keeps an empty object if a client dies between headers and body,
  /// unless there is a checksum. Every store knows `Content-MD5`, but it costs more time than the
  /// SHA-256, which the signature needs anyway. So long bodies use the SHA-256 if the store checks
  /// it. This is only for puts without a condition, because the body may have to be sent again.
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
      // Amazon's answer to If-Match if there is no object.
      if case .ifMatch = condition, failure.code == .notFound {
        throw ObjectStoreError(
          .preconditionFailed, verb: "put", object: key.name, cause: "the object is gone")
      }
      throw failure
    }
    return try tag(of: call, key, bytes, condition)
  }

  /// Returns the tag of the stored object, if the answer proves the put: status 200, a tag, no
  /// body, and the right MD5 if the tag is one.
  ///
  /// Any other answer is not from the store (a portal's page), or not about these bytes.
  private func tag(
    of call: S3Call, _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    let tag = unquoted(call.headers["etag"] ?? "")
    guard call.outcome.http_status == 200, !tag.isEmpty, call.outcome.unexpected_count == 0 else {
      throw notAnAnswer(call, "put", key)
    }
    guard TagProof(tag, headers: call.headers, of: bytes) == .isOther else { return ETag(tag) }
    // The store has other bytes. Remove them, so that they do not block the right ones.
    if condition == .ifAbsent { return try put(key, bytes, .ifMatch(ETag(tag))) }
    throw ObjectStoreError(
      .damaged, verb: "put", object: key.name,
      cause: "the tag of what \(settings.endpoint.host) stored is not the MD5 of what was sent")
  }

  /// Returns an answer with a status of success that does not fit the request.
  func notAnAnswer(_ call: S3Call, _ verb: String, _ key: ObjectKey) -> ObjectStoreError {
    let failure = S3Failure(call: call, settings: settings, bucket: bucket)
    let (code, cause) = failure.notAnAnswer
    return ObjectStoreError(code, verb: verb, object: key.name, cause: cause)
  }

  /// Stores an object with its SHA-256.
  ///
  /// Returns nil if the store does not check it.
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
    // Some stores refuse headers that they do not know, or close the connection.
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
