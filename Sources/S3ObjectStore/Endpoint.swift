/// The host that answers S3 requests.
package struct Endpoint: Hashable, Sendable {
  /// `host` or `host:port`.
  package let host: String
  package let isSecure: Bool

  package init(host: String, isSecure: Bool) {
    self.host = host
    self.isSecure = isSecure
  }

  /// Reads `host[:port]`, with `http://` or `https://`, or neither (then https); nil for anything
  /// else.
  package init?(_ text: String) {
    var rest = Substring(text)
    var isSecure = true
    if let end = text.firstRange(ofText: "://") {
      switch text[..<end.lowerBound].lowercased() {
      case "https": isSecure = true
      case "http": isSecure = false
      default: return nil
      }
      rest = text[end.upperBound...]
    }
    while rest.hasSuffix("/") { rest = rest.dropLast() }
    guard Self.isHost(rest) else { return nil }
    self.init(host: rest.lowercased(), isSecure: isSecure)
  }

  /// Returns Amazon's own endpoint of a region.
  static func amazon(_ region: String) -> Endpoint {
    if region == "us-east-1" { return Endpoint(host: "s3.amazonaws.com", isSecure: true) }
    let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
    return Endpoint(host: "s3.\(region).\(domain)", isSecure: true)
  }

  var isAmazon: Bool {
    let name = host.prefix { $0 != ":" }
    return name.hasSuffix(".amazonaws.com") || name.hasSuffix(".amazonaws.com.cn")
  }

  /// Returns the region in one of Amazon's host names, such as `s3-eu-north-1.amazonaws.com`.
  var region: String? {
    guard isAmazon else { return nil }
    let labels = host.prefix { $0 != ":" }.split(separator: ".").map(String.init)
    guard let domain = labels.lastIndex(of: "amazonaws"), domain > 0 else { return nil }
    let label = labels[domain - 1]
    if label == "s3" { return nil }
    if label.hasPrefix("s3-") { return String(label.dropFirst(3)) }
    return labels.contains { $0 == "s3" || $0 == "s3-fips" } ? label : nil
  }

  private static func isHost(_ text: Substring) -> Bool {
    var name = text
    var port = Substring("")
    let searched = text.hasPrefix("[") ? text.lastIndex(of: "]").map { text[$0...] } ?? "" : text
    if let colon = searched.lastIndex(of: ":") {
      name = text[..<colon]
      port = text[text.index(after: colon)...]
      guard let number = Int(port), (1...65535).contains(number) else { return false }
    }
    if name.hasPrefix("["), name.hasSuffix("]") {
      return name.dropFirst().dropLast().utf8.allSatisfy { "0123456789abcdefABCDEF:.".utf8.contains($0) }
    }
    return !name.isEmpty
      && name.utf8.allSatisfy {
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_".utf8.contains($0)
      }
  }
}

extension StringProtocol {
  /// Returns the first occurrence of `other`.
  func firstRange(ofText other: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
      start = index(after: start)
    }
    return nil
  }
}
