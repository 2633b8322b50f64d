import Glibc
package import ObjectStore

/// How to reach an S3 store and authenticate, read from the environment.
///
/// The first name that is set wins; an empty value counts as not set. An error names the variable,
/// never its value.
package struct S3Settings: Sendable {
  /// The part of the URL that has the bucket's name.
  package enum Addressing: String, Sendable {
    case path, virtual
  }

  /// How requests are signed.
  package enum Signature: String, Sendable {
    case v4, v2
  }

  let credentials: Credentials
  package var endpoint: Endpoint
  package var region: String
  /// Nil means virtual for Amazon's hosts, path for all others.
  package var addressing: Addressing?
  package var signature: Signature
  /// Nil means the bucket's own class.
  package var storageClass: String?
  /// The file with trusted certificates; nil for the system's.
  package var caBundle: String?
  /// Seconds to wait for a connection.
  package var connectTimeout: Int
  /// Seconds after which a transfer without progress ends.
  package var transferTimeout: Int
  /// The proxy that libcurl uses; nil if there is none.
  package var proxy: Proxy?
  /// The sources of keys, endpoint and region.
  package var origins = SettingsOrigins()

  package init(
    accessKey: String, secretKey: String, sessionToken: String? = nil, endpoint: Endpoint,
    region: String = "us-east-1",
    addressing: Addressing? = nil, signature: Signature = .v4, storageClass: String? = nil,
    caBundle: String? = nil,
    connectTimeout: Int = 10, transferTimeout: Int = 30
  ) {
    credentials = Credentials(accessKey: accessKey, secretKey: secretKey, sessionToken: sessionToken)
    self.endpoint = endpoint
    self.region = region
    self.addressing = addressing
    self.signature = signature
    self.storageClass = storageClass
    self.caBundle = caBundle
    self.connectTimeout = connectTimeout
    self.transferTimeout = transferTimeout
  }

  /// Reads the environment, and then the profile files below `home` for missing settings.
  package init(environment: [String: String], home: String?) throws(ObjectStoreError) {
    let reader = SettingsReader(environment: environment, home: home)
    let found = try reader.credentials()
    credentials = found.credentials
    origins.credentials = found.origin
    let named = try reader.endpoint()
    origins.endpoint = named?.origin ?? "default"
    let set = try reader.region()
    let implied = named?.endpoint.region
    let region = set?.region ?? implied ?? "us-east-1"
    origins.region = set?.origin ?? (implied == nil ? "default" : "from the endpoint")
    self.region = region
    endpoint = named?.endpoint ?? .amazon(region)
    addressing = try reader.choice("S3_URI_STYLE", "path or virtual", Addressing.init(rawValue:))
    signature = try reader.choice("S3_SIGNATURE", "v4 or v2", Signature.init(rawValue:)) ?? .v4
    storageClass = try reader.storageClass()
    caBundle = try reader.caBundle()
    connectTimeout = try reader.seconds("S3_CONNECT_TIMEOUT") ?? 10
    transferTimeout = try reader.seconds("S3_TRANSFER_TIMEOUT") ?? 30
    proxy = Proxy(environment, for: endpoint)
  }
}

/// The settings of one environment.
struct SettingsReader {
  let environment: [String: String]
  let home: String?

  private static let keyNames = ["S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"]
  private static let secretNames = ["S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"]
  private static let tokenNames = ["S3_SESSION_TOKEN", "AWS_SESSION_TOKEN"]

  /// Returns name and value of the first of `names` that is set.
  func first(_ names: [String]) -> (name: String, value: String)? {
    for name in names {
      if let value = environment[name], !value.isEmpty { return (name, value) }
    }
    return nil
  }

  func failure(_ name: String, _ cause: String) -> ObjectStoreError {
    ObjectStoreError(.configuration, verb: "configure", object: name, cause: cause)
  }

  func credentials() throws(ObjectStoreError) -> (credentials: Credentials, origin: String) {
    let key = try plain(first(Self.keyNames))
    let secret = try plain(first(Self.secretNames))
    let token = try plain(first(Self.tokenNames))
    if let key, let secret {
      let names = [Self.keyNames, Self.secretNames, Self.tokenNames].compactMap { first($0)?.name }
      return (
        Credentials(accessKey: key, secretKey: secret, sessionToken: token), names.joined(separator: ", ")
      )
    }
    if let name = first(Self.keyNames)?.name {
      throw failure(
        name.replacingEnding("ACCESS_KEY_ID", with: "SECRET_ACCESS_KEY"), "not set, though \(name) is")
    }
    if let name = first(Self.secretNames)?.name {
      throw failure(
        name.replacingEnding("SECRET_ACCESS_KEY", with: "ACCESS_KEY_ID"), "not set, though \(name) is")
    }
    return try profileCredentials(token: token)
  }

  private func profileCredentials(
    token: String?
  ) throws(ObjectStoreError) -> (credentials: Credentials, origin: String) {
    for path in [credentialsFile, configFile].compactMap({ $0 }) {
      guard let profile = ProfileFile(path: path).profile(profileName) else { continue }
      func setting(_ name: String) throws(ObjectStoreError) -> String? {
        try plain(profile[name].map { ("\(name) of profile \(profileName)", $0) })
      }
      guard let key = try setting("aws_access_key_id"), let secret = try setting("aws_secret_access_key")
      else {
        continue
      }
      let itsToken = try setting("aws_session_token")
      return (
        Credentials(accessKey: key, secretKey: secret, sessionToken: token ?? itsToken),
        "profile \(profileName) in \(path)"
      )
    }
    if first(["AWS_PROFILE"]) != nil {
      throw failure(
        "AWS_PROFILE",
        "profile \(profileName) has no access keys in \(credentialsFile ?? "~/.aws/credentials")")
    }
    throw failure(
      "S3_ACCESS_KEY_ID",
      "not set; set it and S3_SECRET_ACCESS_KEY (or AWS's names for them, or a profile in ~/.aws/credentials)"
    )
  }

  var profileName: String { first(["AWS_PROFILE"])?.value ?? "default" }
  private var credentialsFile: String? {
    first(["AWS_SHARED_CREDENTIALS_FILE"])?.value ?? home.map { $0 + "/.aws/credentials" }
  }
  private var configFile: String? { first(["AWS_CONFIG_FILE"])?.value ?? home.map { $0 + "/.aws/config" } }

  /// Returns a value for a header.
  ///
  /// Control characters are refused, because they could add another header.
  private func plain(_ setting: (name: String, value: String)?) throws(ObjectStoreError) -> String? {
    guard let setting, !setting.value.isEmpty else { return nil }
    guard setting.value.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw failure(setting.name, "holds a space, a line break or another character that no key holds")
    }
    return setting.value
  }

  func endpoint() throws(ObjectStoreError) -> (endpoint: Endpoint, origin: String)? {
    guard let setting = first(["S3_HOSTNAME", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]) else { return nil }
    guard let endpoint = Endpoint(setting.value) else {
      throw failure(setting.name, "must be HOST or HOST:PORT, with http:// or https:// before it or neither")
    }
    return (endpoint, setting.name)
  }

  func region() throws(ObjectStoreError) -> (region: String, origin: String)? {
    var setting = first(["S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"])
    if setting == nil, let configFile,
      let region = ProfileFile(path: configFile).profile(profileName)?["region"]
    {
      setting = ("region of profile \(profileName)", region)
    }
    guard let setting else { return nil }
    guard setting.value.utf8.allSatisfy({ "abcdefghijklmnopqrstuvwxyz0123456789-_".utf8.contains($0) }) else {
      throw failure(setting.name, "must be a region's name such as eu-north-1")
    }
    return (setting.value, setting.name)
  }

  func choice<Value>(_ name: String, _ allowed: String, _ read: (String) -> Value?) throws(ObjectStoreError)
    -> Value?
  {
    guard let setting = first([name]) else { return nil }
    guard let value = read(setting.value.lowercased()) else { throw failure(name, "must be \(allowed)") }
    return value
  }

  func storageClass() throws(ObjectStoreError) -> String? {
    guard let setting = first(["S3_STORAGE_CLASS"]) else { return nil }
    guard setting.value.utf8.allSatisfy({ "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_".utf8.contains($0) }) else {
      throw failure(setting.name, "must be a storage class such as STANDARD_IA")
    }
    return setting.value
  }

  func caBundle() throws(ObjectStoreError) -> String? {
    guard let setting = first(["S3_CA_BUNDLE", "AWS_CA_BUNDLE"]) else { return nil }
    guard access(setting.value, R_OK) == 0 else {
      throw failure(setting.name, "\(setting.value) cannot be read; name a file of PEM certificates")
    }
    return setting.value
  }

  func seconds(_ name: String) throws(ObjectStoreError) -> Int? {
    guard let setting = first([name]) else { return nil }
    guard let value = Int(setting.value), (1...86400).contains(value) else {
      throw failure(name, "must be a number of seconds from 1 to 86400")
    }
    return value
  }
}

extension String {
  /// Returns the text with another ending, such as `AWS_SECRET_ACCESS_KEY` for `AWS_ACCESS_KEY_ID`.
  fileprivate func replacingEnding(_ old: String, with new: String) -> String {
    hasSuffix(old) ? dropLast(old.count) + new : self
  }
}
