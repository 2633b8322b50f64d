import Foundation
import ObjectStore
import S3ObjectStore
import TestSupport
import Testing

/// Error answers become sentences a person can act on.
@Suite struct S3FailureTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let status: String
    let code: String
    var extra = ""
    var headers: [String] = []
    let wanted: ObjectStoreError.Code
    let saying: String
    var testDescription: String { "\(status) \(code)" }
  }

  static let cases = [
    Case(
      status: "301 Moved Permanently", code: "PermanentRedirect",
      headers: ["x-amz-bucket-region: eu-north-1"],
      wanted: .wrongRegion,
      saying: "bucket bucket is in region eu-north-1, not us-east-1; set S3_REGION=eu-north-1"),
    Case(
      status: "301 Moved Permanently", code: "PermanentRedirect",
      extra: "<Endpoint>bucket.s3-eu-central-1.amazonaws.com</Endpoint>", wanted: .wrongRegion,
      saying: "bucket bucket is in region eu-central-1, not us-east-1; set S3_REGION=eu-central-1"),
    Case(
      status: "400 Bad Request", code: "AuthorizationHeaderMalformed", extra: "<Region>eu-west-3</Region>",
      wanted: .wrongRegion,
      saying: "bucket bucket is in region eu-west-3, not us-east-1; set S3_REGION=eu-west-3"),
    Case(
      status: "404 Not Found", code: "NoSuchBucket", wanted: .noSuchBucket,
      saying: "bucket bucket does not exist at HOST; create it or check S3_BUCKET"),
    Case(
      status: "403 Forbidden", code: "AccessDenied", wanted: .accessDenied,
      saying: "access to bucket bucket denied; check what the keys may do"),
    Case(
      status: "403 Forbidden", code: "InvalidAccessKeyId", wanted: .badSignature,
      saying: "HOST does not know the access key; check S3_ACCESS_KEY_ID"),
    Case(
      status: "403 Forbidden", code: "SignatureDoesNotMatch", wanted: .badSignature,
      saying: "the signature does not match; check S3_SECRET_ACCESS_KEY"),
    Case(
      status: "400 Bad Request", code: "ExpiredToken", wanted: .accessDenied,
      saying: "the session token has expired"),
    Case(
      status: "403 Forbidden", code: "InvalidObjectState", wanted: .archived,
      saying: "the object is archived (its storage class needs a restore in the store before it can be read)"),
    Case(
      status: "400 Bad Request", code: "InvalidStorageClass", wanted: .configuration,
      saying: "HOST does not know the storage class; check S3_STORAGE_CLASS"),
    Case(
      status: "503 Slow Down", code: "SlowDown", wanted: .slowDown, saying: "HOST asks for fewer requests"),
    Case(
      status: "500 Internal Server Error", code: "InternalError", wanted: .serverError,
      saying: "HOST failed (InternalError: told … and … and …)"),
    Case(
      status: "409 Conflict", code: "ConditionalRequestConflict", wanted: .serverError,
      saying: "another change of the same object is going on"),
    Case(
      status: "412 Precondition Failed", code: "PreconditionFailed", wanted: .preconditionFailed,
      saying: "the object is not as the condition wants it"),
    Case(
      status: "507 Insufficient Storage", code: "XMinioStorageFull", wanted: .noSpace,
      saying: "HOST has no room for it"),
    Case(
      status: "418 Teapot", code: "Strange", wanted: .configuration,
      saying: "HOST refuses the request (Strange: told … and … and …)"),
  ]

  @Test(arguments: cases) func reportsWhatToDo(test: Case) throws {
    let message = "told \(S3RequestTests.secret) and \(S3RequestTests.token) and AKIAIOSFODNN7EXAMPLE"
    let server = try ScriptedServer { _ in
      ScriptedServer.reply(
        test.status, headers: test.headers,
        body:
          "<?xml version=\"1.0\"?><Error><Code>\(test.code)</Code><Message>\(message)</Message>\(test.extra)</Error>"
      )
    }
    let store = try S3RequestTests.store(server.host)
    let error = thrown { try store.put(try key("a"), [1], .always) }
    #expect(error?.code == test.wanted)
    #expect(error?.description == "put a: \(test.saying.replacingOccurrences(of: "HOST", with: server.host))")
    for secret in ["wJalrXUtnFEMI", "session-token-", "AKIAIOSFODNN7EXAMPLE"] {
      #expect(error?.description.contains(secret) == false)
    }
    let got = thrown { try store.get(try key("a")) }
    #expect(got?.code == test.wanted)
  }

  @Test(arguments: [
    ("Mon, 01 Jan 2001 00:00:00 GMT", "ahead of"), ("Tue, 01 Jan 2199 00:00:00 GMT", "behind"),
  ])
  func reportsHowTheClockIsWrong(date: String, word: String) throws {
    let server = try ScriptedServer { _ in
      ScriptedServer.reply(
        "403 Forbidden", headers: ["Date: \(date)"], body: "<Error><Code>RequestTimeTooSkewed</Code></Error>")
    }
    let error = thrown {
      try S3RequestTests.store(server.host).put(try key("a"), [1], .always)
    }
    #expect(error?.code == .clockSkew)
    #expect(error?.cause.contains(" seconds \(word) the store's; set the clock") == true)
  }

  @Test(arguments: StoreKind.remote) func refusesAWrongSecret(kind: StoreKind) throws {
    let store = try S3ObjectStore(
      settings: kind.settings(secretKey: "wrong-SECRET"), bucket: try kind.bucket(), prefix: "p")
    let put = thrown { try store.put(try key("a"), [1], .always) }
    let list = thrown { try store.listAll(prefix: "") }
    let head = thrown { try store.head(try key("a")) }
    #expect(put?.code == .badSignature && list?.code == .badSignature)
    #expect(head?.code == .accessDenied || head?.code == .badSignature)
    for error in [put, list, head] { #expect(error?.description.contains("wrong-") == false) }
  }

  @Test(arguments: StoreKind.remote) func namesABucketThatIsNotThere(kind: StoreKind) throws {
    let store = try S3ObjectStore(settings: kind.settings(), bucket: "no-such-bucket", prefix: "p")
    let list = thrown { try store.listAll(prefix: "") }
    let get = thrown { try store.get(try key("a")) }
    for error in [list, get] {
      #expect(error?.code == .noSuchBucket)
      #expect(error?.cause.contains("bucket no-such-bucket does not exist") == true)
    }
  }

  @Test(.enabled(if: Servers.areInstalled)) func trustsOnlyKnownCertificates() throws {
    let kind = StoreKind.rcloneTLS
    let store = try S3ObjectStore(settings: kind.settings(caBundle: false), bucket: "contract", prefix: "p")
    let error = thrown { try store.put(try key("a"), [1], .always) }
    #expect(error?.code == .certificateNotTrusted && error?.isTransient == false)
    #expect(error?.cause.contains("is not trusted") == true && error?.cause.contains("S3_CA_BUNDLE") == true)
    // The right authority, but another server's name.
    var settings = try kind.settings()
    settings.endpoint = Endpoint(
      host: settings.endpoint.host.replacingOccurrences(of: "127.0.0.1", with: "127.0.0.2"), isSecure: true)
    let other = thrown {
      try S3ObjectStore(settings: settings, bucket: "contract", prefix: "p").put(try key("a"), [1], .always)
    }
    #expect(other?.code == .certificateNotTrusted || other?.code == .unreachable)
    // A server under load may close a connection at that moment, which proves nothing about trust.
    let trusting = try S3ObjectStore(settings: kind.settings(), bucket: try kind.bucket(), prefix: "p")
    for attempt in 1...5 {
      do {
        try trusting.put(try key("a"), [1], .always)
        break
      } catch let error as ObjectStoreError where error.isTransient && attempt < 5 {
        continue
      }
    }
  }

  @Test func refusesBadNamesOfPlaces() throws {
    let settings = S3RequestTests.settings("h")
    for bucket in ["", "ab", "a@b", "a b", "-a-b", "a/b"] {
      #expect(throws: ObjectStoreError.self) {
        try S3ObjectStore(settings: settings, bucket: bucket, prefix: "")
      }
    }
    for prefix in ["a b", "a//b", "ä", ".."] {
      #expect(throws: ObjectStoreError.self) {
        try S3ObjectStore(settings: settings, bucket: "bucket", prefix: prefix)
      }
    }
    #expect(try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "/a/b/").url == "s3://bucket/a/b")
    #expect(try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "").url == "s3://bucket")
  }
}
