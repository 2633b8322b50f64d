import CS3
import Digest
package import ObjectStore

/// What an entity tag proves about an object's bytes.
enum TagProof {
  /// The tag is their MD5.
  case isMD5
  /// The tag is the MD5 of other bytes.
  case isOther
  /// The tag is no MD5, for instance if the store encrypts the object with a key of its own.
  case none

  /// An unquoted tag of 32 hexadecimal digits is the MD5 of the bytes, unless the answer has
  /// headers of encryption with keys
  /// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
  init(_ tag: String, headers: [String: String], of bytes: [UInt8]) {
    let encryption = headers["x-amz-server-side-encryption"] ?? ""
    guard tag.utf8.count == 32, let wanted = Self.digest(tag), !encryption.hasPrefix("aws:"),
      !headers.keys.contains(where: Self.tellsOfKeys)
    else {
      self = .none
      return
    }
    self = md5(bytes) == wanted ? .isMD5 : .isOther
  }

  private static func tellsOfKeys(_ header: String) -> Bool {
    header.hasPrefix("x-amz-server-side-encryption-") || header.hasPrefix("x-goog-encryption-")
  }

  private static func digest(_ tag: String) -> [UInt8]? {
    let digits = tag.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 32 else { return nil }
    return stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
  }
}

extension S3ObjectStore {
  /// Bytes beyond a part that a store without range requests may send.
  private static let slack = 1 << 20
  /// The maximum size of an object that could be the text of an error.
  private static let longestError = 64 << 10

  /// The maximum size that is read as a whole without asking for the size first.
  private static let unasked = 64 << 20

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    if let range, range.isEmpty { return try nothing(of: key) }
    var isTooLarge = false
    do throws(ObjectStoreError) {
      return try get(key, range, limit: min(sizeLimit(key), Self.unasked), &isTooLarge)
    } catch {
      // A large object is read up to the size that the store reports.
      guard isTooLarge, range == nil, sizeLimit(key) > Self.unasked, let size = try head(key)?.size,
        (Self.unasked + 1...sizeLimit(key)).contains(size)
      else { throw error }
      return try get(key, nil, limit: size, &isTooLarge)
    }
  }

  private func get(
    _ key: ObjectKey, _ range: Range<Int>?, limit: Int, _ isTooLarge: inout Bool
  ) throws(ObjectStoreError) -> ObjectContent {
    let limit =
      range.map { $0.upperBound.addingReportingOverflow(Self.slack) }
      .map { $0.overflow ? Int.max : $0.partialValue } ?? limit
    let call = call(bodyLimit: limit) { target, callbacks, outcome in
      cs3_get(
        target, root + key.name, UInt64(range?.lowerBound ?? 0), UInt64(range?.count ?? 0), callbacks, outcome
      )
    }
    isTooLarge = call.outcome.is_too_large != 0
    if call.outcome.http_status == 416, range != nil { return try nothing(of: key) }
    let isCut =
      call.outcome.is_too_large != 0 && call.outcome.http_status == 200 && range != nil
      && call.headers["content-range"] == nil
    if !isCut, let failure = failure(of: call, verb: "get", object: key.name) { throw failure }
    let etag = ETag(unquoted(call.headers["etag"] ?? ""))
    guard !etag.value.isEmpty, [200, 206].contains(call.outcome.http_status) else {
      throw notAnAnswer(call, "get", key)
    }
    guard let range else {
      try check(call, etag, key)
      return ObjectContent(bytes: call.received, etag: etag)
    }
    // Status 206 distinguishes a part from the whole, except with rclone; the header always does.
    guard let part = call.headers["content-range"] else {
      let part = range.clamped(to: 0..<call.received.count)
      return ObjectContent(bytes: Array(call.received[part]), etag: etag)
    }
    guard Self.isPart(part, range, count: call.received.count) else {
      throw ObjectStoreError(
        .damaged, verb: "get", object: key.name, cause: "another part of the object came back")
    }
    return ObjectContent(bytes: call.received, etag: etag)
  }

  /// Returns whether a short object may be real: errors are sent with status 200 too.
  private func check(_ call: S3Call, _ etag: ETag, _ key: ObjectKey) throws(ObjectStoreError) {
    if call.headers["content-range"] != nil {
      throw ObjectStoreError(
        .damaged, verb: "get", object: key.name, cause: "a part came back instead of the whole object")
    }
    guard call.received.count <= Self.longestError else { return }
    switch TagProof(etag.value, headers: call.headers, of: call.received) {
    case .isMD5: break
    case .isOther:
      throw ObjectStoreError(
        .damaged, verb: "get", object: key.name, cause: "its bytes are not those that its tag is the MD5 of")
    case .none:
      if S3Answer.isError(call.received) { throw notAnAnswer(call, "get", key) }
    }
  }

  /// Returns whether `bytes FIRST-LAST/SIZE` and this number of bytes answer the request for a
  /// range.
  private static func isPart(_ header: String, _ range: Range<Int>, count: Int) -> Bool {
    guard header.hasPrefix("bytes ") else { return false }
    let numbers = header.dropFirst(6).split(whereSeparator: { "-/".contains($0) }).map { Int($0) }
    guard numbers.count >= 2, let first = numbers[0], let last = numbers[1], first == range.lowerBound,
      last >= first, last < range.upperBound, last - first == count - 1
    else { return false }
    // An answer may be shorter than the range only at the end of the object.
    guard numbers.count == 3, let size = numbers[2] else { return true }
    return last == range.upperBound - 1 || last == size - 1
  }

  /// Returns the answer for an empty range, which S3 would refuse.
  private func nothing(of key: ObjectKey) throws(ObjectStoreError) -> ObjectContent {
    guard let info = try head(key) else {
      throw ObjectStoreError(.notFound, verb: "get", object: key.name, cause: "no such object")
    }
    return ObjectContent(bytes: [], etag: info.etag)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    let call = call { target, callbacks, outcome in cs3_head(target, root + key.name, callbacks, outcome) }
    if let failure = failure(of: call, verb: "head", object: key.name) {
      if failure.code == .notFound { return nil }
      throw failure
    }
    let etag = ETag(unquoted(call.headers["etag"] ?? ""))
    guard !etag.value.isEmpty else { throw notAnAnswer(call, "head", key) }
    guard let size = call.headers["content-length"].flatMap({ Int($0) }), size >= 0 else {
      throw ObjectStoreError(.damaged, verb: "head", object: key.name, cause: "the store told no size")
    }
    return ObjectInfo(key: key, size: size, etag: etag, modified: call.outcome.modified)
  }
}
