import Digest
import Testing

@testable import S3ObjectStore

/// Amazon's published examples of both signature versions.
@Suite struct SignatureTests {
  /// One of the examples of
  /// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
  struct Example: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let method: String
    let target: String
    let headers: [String]
    let payload: String
    let signature: String
  }

  static let examples = [
    Example(
      testDescription: "GET object", method: "GET", target: "/test.txt", headers: ["Range: bytes=0-9"],
      payload: "",
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    Example(
      testDescription: "PUT object", method: "PUT", target: "/test$file.text",
      headers: ["Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY"],
      payload: "Welcome to Amazon S3.",
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    Example(
      testDescription: "GET bucket lifecycle", method: "GET", target: "/?lifecycle", headers: [], payload: "",
      signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    Example(
      testDescription: "List objects", method: "GET", target: "/?max-keys=2&prefix=J", headers: [],
      payload: "",
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
  ]

  static let credentials = Credentials(
    accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sessionToken: nil)

  @Test(arguments: examples) func signsAmazonsExamples(example: Example) throws {
    let url = try #require(RequestURL("https://examplebucket.s3.amazonaws.com\(example.target)"))
    let hash = hex(sha256(example.payload.utf8))
    let headers =
      example.headers.map { line in
        Header(
          name: String(line.prefix { $0 != ":" }), value: String(line.drop { $0 != ":" }.dropFirst(2)))
      } + [
        Header(name: "x-amz-date", value: "20130524T000000Z"),
        Header(name: "x-amz-content-sha256", value: hash),
      ]
    let value = SignatureV4(credentials: Self.credentials, region: "us-east-1", timestamp: "20130524T000000Z")
      .authorization(method: example.method, url: url, headers: headers, payloadHash: hash)
    #expect(value.hasSuffix("Signature=\(example.signature)"))
    #expect(
      value.hasPrefix(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="))
  }

  /// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html, "Object PUT" with its
  /// date as `x-amz-date`, as in "Object DELETE"; the value was computed with OpenSSL.
  @Test func signsWithVersion2() {
    let value = SignatureV2(credentials: Self.credentials).authorization(
      method: "DELETE", resource: "/awsexamplebucket1/photos/puppy.jpg",
      headers: [
        Header(name: "X-Amz-Storage-Class", value: "STANDARD_IA"),
        Header(name: "x-amz-date", value: "Tue, 27 Mar 2007 21:20:26 +0000"),
        Header(name: "Range", value: "bytes=0-1"),
      ])
    #expect(value == "AWS AKIAIOSFODNN7EXAMPLE:NJ494m7XSR4Wj4e3G3oCYqrszG0=")
  }

  @Test(arguments: [
    ("http://h/b/k", "http://h/b/k"), ("https://h:443/b", "https://h/b"), ("http://h:80/b", "http://h/b"),
    ("https://h:9000", "https://h:9000/"), ("http://h/b/a+b%2Bc~!", "http://h/b/a%20b%2Bc~%21"),
    ("http://h/b/?prefix=a/b&max-keys=10&marker=a+b", "http://h/b/?marker=a%20b&max-keys=10&prefix=a%2Fb"),
    ("http://h/?lifecycle", "http://h/?lifecycle="), ("http://[::1]:9000/b", "http://[::1]:9000/b"),
    ("http://h/b/%7e%2f%zz", "http://h/b/~/%25zz"),
  ])
  func spellsURLsInOneWay(text: String, spelled: String) {
    #expect(RequestURL(text)?.text == spelled)
  }

  @Test(arguments: ["", "ftp://h/b", "http://", "http:///b", "h/b"]) func refusesOtherURLs(text: String) {
    #expect(RequestURL(text) == nil)
  }

  @Test func readsAndWritesTimes() {
    #expect(Timestamp.compact(1_369_353_600) == "20130524T000000Z")
    #expect(Timestamp.http(1_369_353_600) == "Fri, 24 May 2013 00:00:00 GMT")
    #expect(Timestamp.seconds(http: "Fri, 24 May 2013 00:00:00 GMT") == 1_369_353_600)
    #expect(Timestamp.seconds(http: "yesterday") == nil)
    #expect(Timestamp.seconds(http: "Fri, 24 Mai 2013 00:00:00 GMT") == nil)
  }

  @Test func neverShowsKeys() {
    let settings = S3Settings(
      accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI", sessionToken: "a-token",
      endpoint: Endpoint(host: "h", isSecure: true))
    var text = "\(settings) \(settings.credentials) \(String(reflecting: settings))"
    dump(settings, to: &text)
    for secret in ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI", "a-token"] { #expect(!text.contains(secret)) }
  }
}
