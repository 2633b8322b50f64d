/// The proxy that libcurl takes for an endpoint, from the variables that it reads.
///
/// Which they are: https://curl.se/libcurl/c/libcurl-env.html. Only named here, in messages; libcurl reads them itself.
package struct Proxy: Hashable, Sendable {
  /// Host and port, without credentials that the variable may hold.
  package let host: String
  /// Name of the variable.
  package let variable: String

  /// Nil if there is none for this endpoint.
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

  /// Whether a list of hosts and domains says to go past the proxy.
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
