import Digest

/// A header of a request.
struct Header: Equatable {
  let name: String
  let value: String

  var line: String { "\(name): \(value)" }
}

/// Keys that requests are signed with; never printed.
struct Credentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  let accessKey: String
  let secretKey: String
  let sessionToken: String?

  var description: String { "credentials" }
  var debugDescription: String { "credentials" }
  var customMirror: Mirror { Mirror(self, children: []) }
}

/// AWS's Signature Version 4 for S3.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
struct SignatureV4 {
  let credentials: Credentials
  let region: String
  /// `YYYYMMDDTHHMMSSZ`, the same as in the request's `x-amz-date`.
  let timestamp: String

  /// Returns the value of the `Authorization` header.
  ///
  /// All of `headers` are signed, including `x-amz-content-sha256` with the payload's hash; `host`
  /// is added.
  func authorization(method: String, url: RequestURL, headers: [Header], payloadHash: String) -> String {
    let signed = (headers + [Header(name: "host", value: url.host)])
      .map { Header(name: $0.name.lowercased(), value: Self.trimmed($0.value)) }.sorted { $0.name < $1.name }
    let names = signed.map(\.name).joined(separator: ";")
    let canonical = [
      method, url.path, url.query, signed.map { "\($0.name):\($0.value)\n" }.joined(), names, payloadHash,
    ].joined(separator: "\n")
    let scope = "\(timestamp.prefix(8))/\(region)/s3/aws4_request"
    let toSign = ["AWS4-HMAC-SHA256", timestamp, scope, hex(sha256(canonical.utf8))].joined(separator: "\n")
    let signature = hex(hmacSHA256(key: signingKey(), message: Array(toSign.utf8)))
    return
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
  }

  private func signingKey() -> [UInt8] {
    [String(timestamp.prefix(8)), region, "s3", "aws4_request"]
      .reduce(Array("AWS4\(credentials.secretKey)".utf8)) { hmacSHA256(key: $0, message: Array($1.utf8)) }
  }

  private static func trimmed(_ value: String) -> String {
    value.split(separator: " ").joined(separator: " ")
  }
}
