import CS3
import ObjectStore

/// The code and message in an error answer.
struct S3Answer {
  let code: String
  let message: String
  let region: String
  let endpoint: String

  init(_ body: [UInt8]) {
    let text = String(decoding: body, as: UTF8.self)
    func element(_ name: String) -> String {
      guard let start = text.firstRange(ofText: "<\(name)>"),
        let end = text[start.upperBound...].firstRange(ofText: "</\(name)>")
      else { return "" }
      return String(text[start.upperBound..<end.lowerBound])
    }
    code = element("Code")
    message = element("Message")
    region = element("Region")
    endpoint = element("Endpoint")
  }

  /// Returns whether these bytes are S3's error document, with any status.
  static func isError(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes.prefix(1024), as: UTF8.self).drop(while: \.isWhitespace)
    return (text.hasPrefix("<?xml") || text.hasPrefix("<Error")) && text.firstRange(ofText: "<Error") != nil
  }
}

/// Turns the end of a call into a sentence that a person can act on.
struct S3Failure {
  let call: S3Call
  let settings: S3Settings
  let bucket: String

  /// Returns the error, or nil if the call succeeded.
  func error(verb: String, object: String) -> ObjectStoreError? {
    guard let (code, cause) = verdict() else { return nil }
    return ObjectStoreError(code, verb: verb, object: object, cause: cause)
  }

  /// Returns the error of an answer that has a status of success but is an error.
  ///
  /// S3 sends errors with status 200, and a portal sends its page.
  var notAnAnswer: Verdict {
    let body = call.failureBody.isEmpty ? Array(call.received.prefix(64 << 10)) : call.failureBody
    let answer = S3Answer(body)
    // Only transient errors: a status of success never means that an object is absent or different.
    if let known = byCode(answer), [.slowDown, .serverError, .timeout].contains(known.0) { return known }
    if !answer.code.isEmpty { return (.serverError, "\(host) failed (\(said(answer)))") }
    return (
      .serverError,
      "\(place) answered with status \(call.outcome.http_status), but not as a store does; "
        + "is there a portal or a proxy in between?"
    )
  }

  typealias Verdict = (ObjectStoreError.Code, String)

  private func verdict() -> Verdict? {
    let outcome = call.outcome
    if outcome.is_refused != 0 { return (.configuration, call.reason) }
    if outcome.is_too_large != 0 {
      return (.damaged, "what \(host) sends goes on beyond what such an object or listing can hold")
    }
    if outcome.curl_code != 0 { return withoutAnswer(outcome.curl_code) }
    if (200...299).contains(outcome.http_status) { return nil }
    let answer = S3Answer(call.failureBody)
    return byCode(answer) ?? byStatus(outcome.http_status, answer)
  }

  private var host: String { settings.endpoint.host }

  /// The target of a request, in messages of requests that did not arrive.
  private var place: String { settings.proxy.map { "\(host) through the proxy \($0.description)" } ?? host }

  private func withoutAnswer(_ code: Int32) -> Verdict {
    if let proxy = settings.proxy, cs3_is_proxy_not_found(code) != 0 {
      return (.hostNotFound, "the proxy \(proxy.description) was not found; check \(proxy.variable)")
    }
    if cs3_is_host_not_found(code) != 0 {
      return (.hostNotFound, "host \(host) was not found; check S3_HOSTNAME and the network")
    }
    if cs3_is_connection_refused(code) != 0 {
      return (.unreachable, "could not connect to \(place); check host and port")
    }
    if cs3_is_timeout(code) != 0 {
      return (.timeout, "\(place) did not answer in time; check the network, or raise S3_TRANSFER_TIMEOUT")
    }
    if cs3_is_certificate_refused(code) != 0 {
      let advice =
        settings.caBundle == nil
        ? "if the store has an authority of its own, name its certificate in S3_CA_BUNDLE"
        : "S3_CA_BUNDLE is \(settings.caBundle ?? "")"
      return (
        .certificateNotTrusted,
        "the certificate of \(place) is not trusted (\(printable(call.reason))); \(advice)"
      )
    }
    return (
      cs3_is_cut_short(code) != 0 ? .damaged : .unreachable,
      "no whole answer from \(place) (\(printable(call.reason)))"
    )
  }

  private func byCode(_ answer: S3Answer) -> Verdict? {
    switch answer.code {
    case "PreconditionFailed": return (.preconditionFailed, "the object is not as the condition wants it")
    case "ConditionalRequestConflict", "OperationAborted":
      return (.serverError, "another change of the same object is going on")
    case "NoSuchKey": return (.notFound, "no such object")
    case "NoSuchBucket":
      return (.noSuchBucket, "bucket \(bucket) does not exist at \(host); create it or check S3_BUCKET")
    case "InvalidAccessKeyId":
      return (.badSignature, "\(host) does not know the access key; check S3_ACCESS_KEY_ID")
    case "SignatureDoesNotMatch":
      return (.badSignature, "the signature does not match; check S3_SECRET_ACCESS_KEY")
    case "ExpiredToken", "TokenRefreshRequired": return (.accessDenied, "the session token has expired")
    case "InvalidToken": return (.accessDenied, "the session token is not valid; check S3_SESSION_TOKEN")
    case "AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "InvalidPayer":
      return denied(answer)
    case "RequestTimeTooSkewed": return (.clockSkew, skew)
    case "InvalidObjectState":
      return (
        .archived,
        "the object is archived (its storage class needs a restore in the store before it can be read)"
      )
    case "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed",
      "IllegalLocationConstraintException", "IncorrectEndpoint":
      return wrongRegion(answer)
    case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable":
      return (.slowDown, "\(host) asks for fewer requests")
    case "RequestTimeout": return (.timeout, "\(host) gave up waiting for the request")
    case "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "InvalidDigest":
      return (.damaged, "what \(host) received is not what was sent")
    case "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "EntityTooLarge",
      "InsufficientCapacity":
      return (.noSpace, "\(host) has no room for it")
    case "InvalidStorageClass":
      return (.configuration, "\(host) does not know the storage class; check S3_STORAGE_CLASS")
    case "InvalidBucketName": return (.configuration, "\(host) does not take the bucket's name")
    default: return nil
    }
  }

  private func byStatus(_ status: Int, _ answer: S3Answer) -> Verdict {
    switch status {
    case 301, 302, 303, 307, 308: return wrongRegion(answer)
    case 400, 403:
      if call.headers["x-amz-bucket-region"].map({ $0 != settings.region }) == true {
        return wrongRegion(answer)
      }
      if settings.signature == .v2, said(answer).contains("AWS4-HMAC-SHA256") {
        return (.badSignature, "\(host) takes only signature v4; unset S3_SIGNATURE")
      }
      if status == 400 { return (.configuration, "\(host) refuses the request (\(said(answer)))") }
      return denied(answer)
    case 401: return denied(answer)
    case 404: return (.notFound, "no such object")
    case 408: return (.timeout, "\(host) gave up waiting for the request")
    case 409: return (.serverError, "another change of the same object is going on")
    case 412: return (.preconditionFailed, "the object is not as the condition wants it")
    case 429, 503: return (.slowDown, "\(host) asks for fewer requests")
    case 507: return (.noSpace, "\(host) has no room for it")
    case 501: return (.configuration, "\(host) cannot do this (\(said(answer)))")
    case 500...599: return (.serverError, "\(host) failed (\(said(answer)))")
    default: return (.configuration, "\(host) refuses the request (\(said(answer)))")
    }
  }

  private func denied(_ answer: S3Answer) -> Verdict {
    let advice = answer.code.isEmpty ? "check the keys and what they may do" : "check what the keys may do"
    return (.accessDenied, "access to bucket \(bucket) denied; \(advice)")
  }

  private func wrongRegion(_ answer: S3Answer) -> Verdict {
    let endpointRegion = Endpoint(answer.endpoint)?.region
    let location = call.headers["location"].flatMap { RequestURL($0)?.host }.flatMap { Endpoint($0)?.region }
    let told = [call.headers["x-amz-bucket-region"], answer.region, endpointRegion, location]
    if let region = told.compactMap({ $0 }).first(where: { !$0.isEmpty && $0 != settings.region }) {
      return (
        .wrongRegion,
        "bucket \(bucket) is in region \(printable(region)), not \(settings.region); set S3_REGION=\(printable(region))"
      )
    }
    if !answer.endpoint.isEmpty {
      return (
        .wrongRegion, "bucket \(bucket) is at another address; set S3_HOSTNAME=\(printable(answer.endpoint))"
      )
    }
    return (.wrongRegion, "bucket \(bucket) is elsewhere (\(said(answer))); check S3_REGION and S3_HOSTNAME")
  }

  private var skew: String {
    guard let date = call.headers["date"], let theirs = Timestamp.seconds(http: date) else {
      return "the clock here differs too much from the store's"
    }
    let ahead = Timestamp.now() - theirs
    return
      "the clock here is \(abs(ahead)) seconds \(ahead > 0 ? "ahead of" : "behind") the store's; set the clock"
  }

  /// Returns the server's own words, cut to one line.
  private func said(_ answer: S3Answer) -> String {
    let words = [answer.code, answer.message].filter { !$0.isEmpty }.joined(separator: ": ")
    return words.isEmpty ? "HTTP status \(call.outcome.http_status)" : printable(words)
  }

  private func printable(_ text: String) -> String {
    let scalars = withoutKeys(text).unicodeScalars.prefix(300).filter { $0.value >= 32 && $0.value != 127 }
    return String(String.UnicodeScalarView(scalars))
  }

  /// Keys never appear in a message, even if a server repeats them.
  private func withoutKeys(_ text: String) -> String {
    let keys = [
      settings.credentials.secretKey, settings.credentials.sessionToken, settings.credentials.accessKey,
    ]
    return keys.compactMap { $0 }.filter { !$0.isEmpty }.reduce(text) { text, key in
      var rest = text[...]
      var clean = ""
      while let found = rest.firstRange(ofText: key) {
        clean += rest[..<found.lowerBound] + "…"
        rest = rest[found.upperBound...]
      }
      return clean + rest
    }
  }
}
