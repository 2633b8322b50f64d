/// The proxy that libcurl uses for an endpoint, by the variables that libcurl reads.
///
/// https://curl.se/libcurl/c/libcurl-env.html lists them. This type only names the proxy in
/// messages; libcurl reads the variables itself.
package struct Proxy: Hashable, Sendable {
  /// Host and port, without credentials that the variable may hold.
  package let host: String
  /// The name of the variable.
  package let variable: String

  /// Fails (nil) if this endpoint has no proxy.
  init?(_ environment: [String: String], for endpoint: Endpoint) {
    let names =
      (endpoint.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]) + ["all_proxy", "ALL_PROXY"]
    guard let name = names.first(where: { environment[$0]?.isEmpty == false }), let value = environment[name],
      !Self.isPassedBy(endpoint.host, environment["no_proxy"] ?? environment["NO_PROXY"] ?? "")
    else { return nil }
    var rest = value[...]
    if let scheme = rest.firstRange(ofText: "://") { rest = rest[scheme.upperBound...] }
    if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
    host = String(
      rest.prefix { !"/?#".contains($0) }.unicodeScalars.filter { $0.value > 32 && $0.value < 127 })
    variable = name
  }

  /// Returns whether a list of hosts and domains excludes the host from the proxy.
  private static func isPassedBy(_ host: String, _ list: String) -> Bool {
    let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
    return list.split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
      if entry == "*" { return true }
      let domain = entry.lowercased().drop { $0 == "." }
      return name == domain || name.hasSuffix("." + domain)
    }
  }

  var description: String { "\(host) (\(variable))" }
}
