import CS3
import Digest
import ObjectStore

/// One call of libs3: the data to sign with, and the answer.
///
/// It is the object behind `void *context`. One thread uses it; libs3 calls back on the thread that
/// called it.
final class S3Call {
  private let settings: S3Settings
  /// Bucket and slash if the bucket is part of the host's name, else empty: signature v2 signs it.
  private let resourcePrefix: String
  private let payloadHash: String
  /// Headers besides those of libs3 and of the signature.
  private let extraHeaders: [Header]
  private let isGivenUp: (@Sendable () -> Bool)?

  private(set) var headers: [String: String] = [:]
  private(set) var received: [UInt8] = []
  private(set) var failureBody: [UInt8] = []
  private(set) var entries: [(key: String, etag: String, size: Int, modified: Int64)] = []
  private(set) var outcome = cs3_outcome()

  /// `digest` is the SHA-256 of the body, if there is one.
  init(
    settings: S3Settings, resourcePrefix: String, digest: [UInt8]?, extraHeaders: [Header],
    isGivenUp: (@Sendable () -> Bool)?
  ) {
    self.isGivenUp = isGivenUp
    self.settings = settings
    self.resourcePrefix = resourcePrefix
    self.extraHeaders = extraHeaders
    payloadHash = digest.map { hex($0) } ?? Self.emptyHash
  }

  private static let emptyHash = hex(sha256([]))

  /// Makes the call.
  ///
  /// `body` passes its arguments to one of CS3's functions.
  func run(_ body: (UnsafePointer<cs3_callbacks>, UnsafeMutablePointer<cs3_outcome>) -> Void) {
    var callbacks = cs3_callbacks(
      context: Unmanaged.passUnretained(self).toOpaque(),
      sign: { context, request, additions in
        guard let request, let additions else { return 1 }
        return S3Call.from(context).sign(request.pointee, additions) ? 0 : 1
      },
      header: { context, line, count in S3Call.from(context).addHeader(S3Call.text(line, count)) },
      is_given_up: { context in S3Call.from(context).isGivenUp?() == true ? 1 : 0 },
      receive: { context, bytes, count in
        S3Call.from(context).received += UnsafeRawBufferPointer(start: bytes, count: count)
        return 0
      },
      failure: { context, bytes, count in
        S3Call.from(context).failureBody += UnsafeRawBufferPointer(start: bytes, count: count)
      },
      entry: { context, key, etag, size, modified in
        guard let key, let etag else { return }
        S3Call.from(context).entries.append(
          (String(cString: key), unquoted(String(cString: etag)), Int(clamping: size), modified))
      })
    body(&callbacks, &outcome)
  }

  /// The reason for a missing answer, in libcurl's words.
  var reason: String { withUnsafePointer(to: &outcome) { String(cString: cs3_outcome_text($0)) } }

  private static func from(_ context: UnsafeMutableRawPointer?) -> S3Call {
    guard let context else { preconditionFailure("CS3 lost the call's context") }
    return Unmanaged<S3Call>.fromOpaque(context).takeUnretainedValue()
  }

  private static func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  private func addHeader(_ line: String) {
    // Several answers may come, such as "100 Continue"; only the last one counts.
    if line.hasPrefix("HTTP/") {
      headers = [:]
      return
    }
    guard let colon = line.firstIndex(of: ":") else { return }
    let value = line[line.index(after: colon)...].drop(while: \.isWhitespace)
    let name = line[..<colon].lowercased()
    headers[name] = value.lastIndex { !$0.isWhitespace }.map { String(value[...$0]) } ?? ""
    if name == "content-length", let length = headers[name].flatMap({ Int($0) }), received.isEmpty {
      // The announced size need not arrive.
      received.reserveCapacity(min(max(length, 0), 1 << 25))
    }
  }

  private func sign(_ request: cs3_request, _ additions: OpaquePointer) -> Bool {
    guard let url = RequestURL(String(cString: request.url)) else { return false }
    let method = String(cString: request.method)
    let now = Timestamp.now()
    let composed = UnsafeBufferPointer(start: request.headers, count: Int(request.header_count))
      .compactMap { $0.flatMap { Self.header(String(cString: $0)) } }
    var added = extraHeaders
    if let token = settings.credentials.sessionToken {
      added.append(Header(name: "x-amz-security-token", value: token))
    }
    let authorization: String
    switch settings.signature {
    case .v4:
      let signature = SignatureV4(
        credentials: settings.credentials, region: settings.region, timestamp: Timestamp.compact(now))
      added.append(Header(name: "x-amz-date", value: signature.timestamp))
      added.append(Header(name: "x-amz-content-sha256", value: payloadHash))
      authorization = signature.authorization(
        method: method, url: url, headers: composed + added, payloadHash: payloadHash)
    case .v2:
      added.append(Header(name: "x-amz-date", value: Timestamp.http(now)))
      authorization = SignatureV2(credentials: settings.credentials).authorization(
        method: method, resource: resourcePrefix + url.path, headers: composed + added)
    }
    for header in added { cs3_add_header(additions, header.line) }
    cs3_add_header(additions, Header(name: "Authorization", value: authorization).line)
    cs3_replace_url(additions, url.text)
    return true
  }

  /// Returns a header line with a value.
  ///
  /// `Name:` alone removes a header, so it is not a header.
  private static func header(_ line: String) -> Header? {
    guard let colon = line.firstIndex(of: ":") else { return nil }
    let value = line[line.index(after: colon)...].drop { $0 == " " }
    return value.isEmpty ? nil : Header(name: String(line[..<colon]), value: String(value))
  }
}

/// Returns an entity tag without its quotes.
func unquoted(_ tag: String) -> String {
  tag.count >= 2 && tag.hasPrefix("\"") && tag.hasSuffix("\"") ? String(tag.dropFirst().dropLast()) : tag
}
