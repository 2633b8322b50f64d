/// The URL of a request in the one spelling that both signature versions and every server accept.
///
/// libs3 writes a space as `+`, leaves `!*'()` raw and does not sort query parameters. The program
/// sends and signs `text` instead.
struct RequestURL: Equatable {
  let scheme: String
  /// Host and port as in the `Host` header: without the scheme's default port.
  let host: String
  let path: String
  let query: String

  var text: String { "\(scheme)://\(host)\(path)\(query.isEmpty ? "" : "?" + query)" }

  init?(_ text: String) {
    let bytes = Array(text.utf8)
    let scheme = text.hasPrefix("https://") ? "https" : "http"
    guard text.hasPrefix(scheme + "://") else { return nil }
    let rest = bytes.dropFirst(scheme.utf8.count + 3)
    let hostEnd = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
    guard hostEnd > rest.startIndex else { return nil }
    self.scheme = scheme
    host = Self.withoutDefaultPort(String(decoding: rest[..<hostEnd], as: UTF8.self), scheme)
    let target = rest[hostEnd...].split(
      separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    let path = percentEncoded(Self.decoded(target.first ?? []), keepingSlash: true)
    self.path = path.isEmpty ? "/" : path
    query = Self.canonicalQuery(target.count > 1 ? target[1] : [])
  }

  private static func withoutDefaultPort(_ host: String, _ scheme: String) -> String {
    let port = scheme == "https" ? ":443" : ":80"
    return host.hasSuffix(port) ? String(host.dropLast(port.utf8.count)) : host
  }

  private static func canonicalQuery(_ query: ArraySlice<UInt8>) -> String {
    let parameters = query.split(separator: UInt8(ascii: "&")).map { parameter in
      let parts = parameter.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = percentEncoded(decoded(parts[0]), keepingSlash: false)
      return (name, percentEncoded(decoded(parts.count > 1 ? parts[1] : []), keepingSlash: false))
    }
    return parameters.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }

  private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var plain: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        plain.append(value)
        rest = rest.dropFirst(2)
      } else {
        plain.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return plain
  }
}

/// Returns `bytes` with everything except `A-Z a-z 0-9 - . _ ~` as `%` and two capital hexadecimal
/// digits.
func percentEncoded(_ bytes: [UInt8], keepingSlash: Bool) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      text.append(byte)
    case UInt8(ascii: "/") where keepingSlash:
      text.append(byte)
    default:
      text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: text, as: UTF8.self)
}
