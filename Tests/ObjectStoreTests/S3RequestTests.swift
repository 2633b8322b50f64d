import Foundation
import ObjectStore
import S3ObjectStore
import TestSupport
import Testing

/// The bytes on the wire, as a server records them.
@Suite struct S3RequestTests {
  static let secret = "wJalrXUtnFEMI-SECRET"
  static let token = "session-token-SECRET"

  static func settings(_ host: String, signature: S3Settings.Signature = .v4) -> S3Settings {
    S3Settings(
      accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: secret, sessionToken: token,
      endpoint: Endpoint(host: host, isSecure: false), signature: signature, storageClass: "STANDARD_IA",
      connectTimeout: 2, transferTimeout: 1)
  }

  static func store(_ host: String, signature: S3Settings.Signature = .v4) throws -> S3ObjectStore {
    try S3ObjectStore(settings: settings(host, signature: signature), bucket: "bucket", prefix: "p")
  }

  /// Returns the header lines of a request, with their names in lower case.
  func headers(_ request: String) -> [String: String] {
    var found: [String: String] = [:]
    for line in request.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n").dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(found.updateValue(parts[1], forKey: parts[0].lowercased()) == nil, "\(parts[0]) is sent twice")
    }
    return found
  }

  @Test func sendsAndSignsItsHeaders() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK", headers: ["ETag: \"tag\""]) }
    let store = try Self.store(server.host)
    #expect(try store.put(try key("a/b"), Array("hello".utf8), .ifAbsent) == ETag("tag"))
    let request = try #require(server.requests.first)
    #expect(request.hasPrefix("PUT /bucket/p/a/b HTTP/1.1\r\n") && request.hasSuffix("\r\n\r\nhello"))
    let sent = headers(request)
    #expect(sent["x-amz-security-token"] == Self.token && sent["x-amz-storage-class"] == "STANDARD_IA")
    #expect(
      sent["x-amz-content-sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    #expect(sent["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg==")
    #expect(sent["if-none-match"] == "*" && sent["content-length"] == "5")
    #expect(sent["expect"] == nil && sent["transfer-encoding"] == nil && sent["content-type"] == nil)
    let names =
      "SignedHeaders=content-md5;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-storage-class,"
    #expect(sent["authorization"]?.contains(names) == true)
    #expect(sent["authorization"]?.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/") == true)
    #expect(store.requestsMade == 1 && store.bytesSent == 5)
    _ = try store.put(try key("a/b"), [], .ifMatch(ETag("old")))
    let second = headers(try #require(server.requests.last))
    #expect(second["if-match"] == "\"old\"" && second["content-length"] == "0")
  }

  @Test func sendsLongBodiesWithTheirSHA256WhereTheStoreChecksIt() throws {
    let bytes = [UInt8](repeating: 7, count: 1 << 20)
    let checksum = "UbEuuDhzK3hrTUXGYKl03fOGCuCQhP0pP6bl30ZYGmw="
    let knowing = try ScriptedServer { _ in
      ScriptedServer.reply("200 OK", headers: ["ETag: \"tag\"", "x-amz-checksum-sha256: \(checksum)"])
    }
    var store = try Self.store(knowing.host)
    #expect(try store.put(try key("a"), bytes, .always) == ETag("tag"))
    _ = try store.put(try key("a"), bytes, .ifAbsent)
    _ = try store.put(try key("a"), [1], .always)
    let sent = knowing.requests.map { headers($0) }
    #expect(sent.map { $0["x-amz-checksum-sha256"] } == [checksum, nil, nil])
    #expect(sent[0]["authorization"]?.contains(";x-amz-checksum-sha256;") == true)
    #expect(sent.map { $0["content-md5"] == nil } == [true, false, false])
    // Other stores ignore it, or refuse what they do not know: then nothing would check the body.
    for answer in ["200 OK", "400 Bad Request", "501 Not Implemented"] {
      let ignorant = try ScriptedServer { request in
        let isKnown = !request.lowercased().contains("x-amz-checksum-sha256")
        return ScriptedServer.reply(isKnown ? "200 OK" : answer, headers: ["ETag: \"tag\""])
      }
      store = try Self.store(ignorant.host)
      for _ in 1...2 { #expect(try store.put(try key("a"), bytes, .always) == ETag("tag")) }
      let sent = ignorant.requests.map { headers($0) }
      #expect(sent.map { $0["content-md5"] == nil } == [true, false, false], "\(answer)")
    }
  }

  @Test func signsItsHeadersWithVersion2() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK", headers: ["ETag: \"tag\""]) }
    _ = try Self.store(server.host, signature: .v2).put(try key("a"), [1], .always)
    let sent = headers(try #require(server.requests.first))
    #expect(sent["authorization"]?.hasPrefix("AWS AKIAIOSFODNN7EXAMPLE:") == true)
    #expect(sent["x-amz-security-token"] == Self.token && sent["x-amz-date"] != nil)
  }

  @Test func putsTheBucketIntoTheHostName() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK", headers: ["ETag: \"tag\""]) }
    let port = server.host.split(separator: ":")[1]
    var settings = Self.settings("localhost:\(port)")
    settings.addressing = .virtual
    // Every name below localhost is this host (RFC 6761), also for libcurl.
    _ = try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "").put(try key("a"), [1], .always)
    let request = try #require(server.requests.first)
    #expect(request.hasPrefix("PUT /a HTTP/1.1\r\n"))
    #expect(headers(request)["host"] == "bucket.localhost:\(port)")
  }

  @Test func neverFollowsARedirect() throws {
    let other = try ScriptedServer { _ in ScriptedServer.reply("200 OK") }
    let server = try ScriptedServer { _ in
      ScriptedServer.reply("307 Temporary Redirect", headers: ["Location: http://\(other.host)/bucket/p/a"])
    }
    for signature in [S3Settings.Signature.v4, .v2] {
      let store = try Self.store(server.host, signature: signature)
      let put = thrown { try store.put(try key("a"), [1], .always) }
      let get = thrown { try store.get(try key("a")) }
      #expect(put?.code == .wrongRegion && get?.code == .wrongRegion)
    }
    #expect(other.requests.isEmpty && server.requests.count == 4)
  }

  @Test func givesUpOnASilentServer() throws {
    let server = try ScriptedServer { _ in .silence }
    let store = try Self.store(server.host)
    let begin = Date()
    let error = thrown { try store.put(try key("a"), [1], .always) }
    #expect(error?.code == .timeout && error?.isTransient == true)
    #expect(
      error?.description
        == "put a: \(server.host) did not answer in time; check the network, or raise S3_TRANSFER_TIMEOUT")
    #expect(Date().timeIntervalSince(begin) < 10)
  }

  @Test func endsACallWhenTheCallerStopsWaiting() throws {
    let server = try ScriptedServer { _ in .silence }
    var settings = Self.settings(server.host)
    settings.transferTimeout = 60
    let begin = Date()
    let store = try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "p") {
      Date().timeIntervalSince(begin) > 0.3
    }
    let error = thrown { try store.put(try key("a"), [1], .always) }
    // The store may have it or not, as after a lost answer.
    #expect(error?.isTransient == true)
    #expect(Date().timeIntervalSince(begin) < 10)
  }

  @Test func reportsThatNoServerListens() throws {
    let host = "127.0.0.1:\(Ports.closed())"
    let store = try Self.store(host)
    let begin = Date()
    let error = thrown { try store.get(try key("a")) }
    #expect(
      error?.code == .unreachable
        && error?.description == "get a: could not connect to \(host); check host and port")
    #expect(Date().timeIntervalSince(begin) < 2)
  }

  @Test func reportsAnUnknownHost() throws {
    let store = try Self.store("no-such-host.invalid")
    let error = thrown { try store.list(prefix: "", after: nil, limit: 1) }
    #expect(error?.code == .hostNotFound)
    #expect(error?.cause == "host no-such-host.invalid was not found; check S3_HOSTNAME and the network")
  }

  @Test func noticesAnAnswerCutShort() throws {
    let server = try ScriptedServer { request in
      if request.contains("?") {
        return ScriptedServer.reply(
          "200 OK", body: "<ListBucketResult><Contents><Key>p/a</Key><Size>1</Size></Contents>")
      }
      return .reply("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort")
    }
    let store = try Self.store(server.host)
    let get = thrown { try store.get(try key("a")) }
    #expect(get?.code == .damaged)
    let list = thrown { try store.listAll(prefix: "") }
    #expect(list?.code == .damaged)
  }

  @Test func takesNoErrorForSuccess() throws {
    // libs3 2.0 takes an upload that is answered by "100 Continue" and a bare error for done.
    let server = try ScriptedServer { _ in
      .reply(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }
    var settings = Self.settings(server.host)
    settings.transferTimeout = 20
    let store = try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "")
    for size in [10, 3 << 20] {
      let error = thrown {
        try store.put(try key("a"), [UInt8](repeating: 7, count: size), .always)
      }
      #expect(error?.code == .serverError)
    }
  }

  @Test func readsThePartOfAServerThatKnowsNoRanges() throws {
    let server = try ScriptedServer { _ in
      ScriptedServer.reply("200 OK", headers: ["ETag: \"tag\""], body: "0123456789")
    }
    #expect(try Self.store(server.host).get(try key("a"), range: 3..<5).bytes == Array("34".utf8))
  }
}
