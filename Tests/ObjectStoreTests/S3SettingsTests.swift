import Foundation
import ObjectStore
import TestSupport
import Testing

@testable import S3ObjectStore

/// The environment becomes settings.
@Suite struct S3SettingsTests {
  static let keys = ["S3_ACCESS_KEY_ID": "an-access-key", "S3_SECRET_ACCESS_KEY": "a-secret-key"]

  func settings(_ environment: [String: String], home: String? = nil) throws(ObjectStoreError) -> S3Settings {
    try S3Settings(environment: Self.keys.merging(environment) { $1 }, home: home)
  }

  @Test func hasDefaults() throws {
    let found = try settings([:])
    #expect(found.credentials.accessKey == "an-access-key" && found.credentials.secretKey == "a-secret-key")
    #expect(found.credentials.sessionToken == nil)
    #expect(found.endpoint == Endpoint(host: "s3.amazonaws.com", isSecure: true))
    #expect(found.region == "us-east-1" && found.signature == .v4 && found.addressing == nil)
    #expect(found.storageClass == nil && found.caBundle == nil)
    #expect(found.connectTimeout == 10 && found.transferTimeout == 30)
  }

  @Test func prefersItsOwnNames() throws {
    let amazon = [
      "AWS_ACCESS_KEY_ID": "other", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "token",
      "AWS_ENDPOINT_URL": "http://third", "AWS_ENDPOINT_URL_S3": "http://second", "AWS_REGION": "eu-west-1",
      "AWS_DEFAULT_REGION": "eu-west-2",
    ]
    let found = try settings(amazon)
    #expect(found.credentials.accessKey == "an-access-key" && found.credentials.sessionToken == "token")
    #expect(found.endpoint == Endpoint(host: "second", isSecure: false) && found.region == "eu-west-1")
    let own = try settings(
      amazon.merging(["S3_SESSION_TOKEN": "mine", "S3_HOSTNAME": "first:9000", "S3_REGION": "eu-north-1"]) {
        $1
      })
    #expect(own.credentials.sessionToken == "mine" && own.region == "eu-north-1")
    #expect(own.endpoint == Endpoint(host: "first:9000", isSecure: true))
    let emptied = try S3Settings(
      environment: amazon.merging(["S3_ACCESS_KEY_ID": "", "S3_REGION": ""]) { $1 }, home: nil)
    #expect(emptied.credentials.accessKey == "other" && emptied.region == "eu-west-1")
  }

  @Test(arguments: [
    ("s3-eu-north-1.amazonaws.com", "eu-north-1"), ("s3.eu-north-1.amazonaws.com", "eu-north-1"),
    ("https://s3.dualstack.eu-west-3.amazonaws.com", "eu-west-3"), ("s3.amazonaws.com", "us-east-1"),
    ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"), ("minio.example.com", "us-east-1"),
    ("amazonaws.example.com", "us-east-1"),
  ])
  func readsTheRegionFromAHostName(host: String, region: String) throws {
    #expect(try settings(["S3_HOSTNAME": host]).region == region)
    #expect(try settings(["S3_HOSTNAME": host, "AWS_REGION": "af-south-1"]).region == "af-south-1")
  }

  @Test func choosesAmazonsEndpointOfTheRegion() throws {
    #expect(try settings(["S3_REGION": "eu-north-1"]).endpoint.host == "s3.eu-north-1.amazonaws.com")
    #expect(try settings(["S3_REGION": "cn-north-1"]).endpoint.host == "s3.cn-north-1.amazonaws.com.cn")
  }

  @Test func readsProfiles() throws {
    let home = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: home.path + "/.aws", withIntermediateDirectories: true)
    try """
    # a comment
    [default]
    aws_access_key_id = default-key
    aws_secret_access_key=default-secret=with/equals

    [work]
    aws_access_key_id = work-key
    aws_secret_access_key = work-secret
    aws_session_token = work-token
    """.write(toFile: home.path + "/.aws/credentials", atomically: true, encoding: .utf8)
    try """
    [default]
    region = eu-west-1
    s3 =
      region = nested
    [profile work]
    region = eu-north-1
    """.write(toFile: home.path + "/.aws/config", atomically: true, encoding: .utf8)
    let standard = try S3Settings(environment: [:], home: home.path)
    #expect(
      standard.credentials.accessKey == "default-key"
        && standard.credentials.secretKey == "default-secret=with/equals")
    #expect(standard.credentials.sessionToken == nil && standard.region == "eu-west-1")
    let work = try S3Settings(environment: ["AWS_PROFILE": "work"], home: home.path)
    #expect(work.credentials.secretKey == "work-secret" && work.credentials.sessionToken == "work-token")
    #expect(work.region == "eu-north-1")
    #expect(try settings(["AWS_PROFILE": "work"], home: home.path).credentials.sessionToken == nil)
    let moved = [
      "AWS_SHARED_CREDENTIALS_FILE": home.path + "/.aws/credentials",
      "AWS_CONFIG_FILE": home.path + "/.aws/config",
    ]
    #expect(try S3Settings(environment: moved, home: "/nowhere").region == "eu-west-1")
    let missing = thrown {
      try S3Settings(environment: ["AWS_PROFILE": "gone"], home: home.path)
    }
    #expect(
      missing?.description.hasPrefix("configure AWS_PROFILE: profile gone has no access keys in ") == true)
  }

  @Test func readsTheRest() throws {
    let found = try settings([
      "S3_URI_STYLE": "virtual", "S3_SIGNATURE": "V2", "S3_STORAGE_CLASS": "STANDARD_IA",
      "AWS_CA_BUNDLE": "/dev/null",
      "S3_CONNECT_TIMEOUT": "3", "S3_TRANSFER_TIMEOUT": "7",
    ])
    #expect(found.addressing == .virtual && found.signature == .v2 && found.storageClass == "STANDARD_IA")
    #expect(found.caBundle == "/dev/null" && found.connectTimeout == 3 && found.transferTimeout == 7)
  }

  @Test(arguments: [
    ("S3_HOSTNAME", "https://user:hunter22@host"), ("S3_HOSTNAME", "host/hunter22"),
    ("S3_HOSTNAME", "host:hunter22"),
    ("AWS_ENDPOINT_URL", "ftp://hunter22"), ("S3_HOSTNAME", "host:99999"), ("S3_REGION", "hunter22!"),
    ("S3_URI_STYLE", "hunter22"), ("S3_SIGNATURE", "hunter22"), ("S3_STORAGE_CLASS", "hunter22"),
    ("S3_CONNECT_TIMEOUT", "hunter22"), ("S3_TRANSFER_TIMEOUT", "0"), ("S3_ACCESS_KEY_ID", "hunter22\nx"),
    ("S3_SECRET_ACCESS_KEY", "hunter22 "), ("S3_SESSION_TOKEN", "hunter22\r\nX-Evil: 1"),
  ])
  func namesTheVariableAndNotItsValue(name: String, value: String) throws {
    let error = thrown { try settings([name: value]) }
    #expect(error?.code == .configuration)
    #expect(error?.description.hasPrefix("configure \(name): ") == true)
    #expect(error?.description.contains("hunter22") == false)
  }

  @Test func reportsWhatIsMissing() throws {
    let none = thrown { try S3Settings(environment: [:], home: nil) }
    #expect(
      none?.description.hasPrefix("configure S3_ACCESS_KEY_ID: not set; set it and S3_SECRET_ACCESS_KEY")
        == true)
    let half = thrown {
      try S3Settings(environment: ["AWS_ACCESS_KEY_ID": "k"], home: nil)
    }
    #expect(half?.description == "configure AWS_SECRET_ACCESS_KEY: not set, though AWS_ACCESS_KEY_ID is")
    let other = thrown {
      try S3Settings(environment: ["S3_SECRET_ACCESS_KEY": "k"], home: nil)
    }
    #expect(other?.description == "configure S3_ACCESS_KEY_ID: not set, though S3_SECRET_ACCESS_KEY is")
    let bundle = thrown { try settings(["S3_CA_BUNDLE": "/no/such.pem"]) }
    #expect(
      bundle?.description
        == "configure S3_CA_BUNDLE: /no/such.pem cannot be read; name a file of PEM certificates")
  }

  @Test(
    arguments: [
      (["https_proxy": "http://user:hunter22@proxy:3128/"], "proxy:3128 (https_proxy)"),
      (["HTTPS_PROXY": "proxy"], "proxy (HTTPS_PROXY)"), (["ALL_PROXY": "socks5://p:1"], "p:1 (ALL_PROXY)"),
      (["http_proxy": "http://proxy:3128"], nil), (["https_proxy": "p", "no_proxy": "*"], nil),
      (["https_proxy": "p", "no_proxy": "a.org, .example.com"], nil),
      (["https_proxy": "p", "NO_PROXY": "ample.com"], "p (https_proxy)"), (["https_proxy": ""], nil),
    ] as [([String: String], String?)])
  func namesTheProxy(variables: [String: String], proxy: String?) throws {
    let found = try settings(variables.merging(["S3_HOSTNAME": "s3.example.com:9000"]) { $1 })
    #expect(found.proxy.map { "\($0.host) (\($0.variable))" } == proxy)
  }

  @Test func namesTheProxyInErrors() throws {
    let host = "127.0.0.1:\(Ports.closed())"
    var found = try settings(["S3_HOSTNAME": "http://\(host)", "http_proxy": "http://u:hunter22@\(host)"])
    found.connectTimeout = 2
    let error = thrown {
      try S3ObjectStore(settings: found, bucket: "bucket", prefix: "p").get(try key("a"))
    }
    #expect(
      error?.cause
        == "could not connect to \(host) through the proxy \(host) (http_proxy); check host and port")
  }
}
