import Digest
import Foundation
import ObjectStore
import S3ObjectStore
import TestSupport
import Testing

/// An answer counts only if it fits the request; a status of success alone proves nothing.
@Suite struct S3AnswerTests {
  static let content = Array("hello".utf8)
  static let rightTag = "ETag: \"5d41402abc4b2a76b9719d911017c592\""
  static let wrongTag = "ETag: \"00000000000000000000000000000000\""
  static let error =
    "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>We failed.</Message></Error>"
  static let page = "<!DOCTYPE html><html><body>Please log in</body></html>"

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let status: String
    var headers: [String] = []
    var body = ""
    var testDescription: String { name }
    var reply: ScriptedServer.Answer { ScriptedServer.reply(status, headers: headers, body: body) }
  }

  @Test(arguments: [
    Case(name: "an error", status: "200 OK", headers: [rightTag], body: error),
    Case(name: "an error without a tag", status: "200 OK", body: error),
    Case(name: "a portal's page", status: "200 OK", headers: ["Content-Type: text/html"], body: page),
    Case(name: "a page with a tag", status: "200 OK", headers: ["ETag: W/\"5f-1\""], body: page),
    Case(name: "201", status: "201 Created", headers: [rightTag]),
    Case(name: "202", status: "202 Accepted", headers: [rightTag]),
    Case(name: "204", status: "204 No Content", headers: [rightTag]),
    Case(name: "206", status: "206 Partial Content", headers: [rightTag]),
    Case(name: "no tag", status: "200 OK"),
    Case(name: "the tag of other bytes", status: "200 OK", headers: [wrongTag]),
    Case(
      name: "the tag of other bytes, encrypted by the store itself", status: "200 OK",
      headers: [wrongTag, "x-amz-server-side-encryption: AES256"]),
  ])
  func takesNoOtherAnswerForStored(test: Case) throws {
    let server = try ScriptedServer { _ in test.reply }
    let store = try S3RequestTests.store(server.host)
    for condition in [PutCondition.always, .ifAbsent, .ifMatch(ETag("x"))] {
      let error = thrown { try store.put(try key("a"), Self.content, condition) }
      #expect(error?.isTransient == true, "\(condition): \(error?.description ?? "stored")")
    }
    let long = thrown { try store.put(try key("a"), [UInt8](repeating: 7, count: 1 << 20), .always) }
    #expect(long?.isTransient == true, "\(long?.description ?? "stored")")
  }

  @Test(arguments: [
    Case(name: "the bytes' MD5", status: "200 OK", headers: [rightTag]),
    Case(name: "no MD5", status: "200 OK", headers: ["ETag: \"v1\""]),
    Case(
      name: "encryption with a key of KMS", status: "200 OK",
      headers: [wrongTag, "x-amz-server-side-encryption: aws:kms"]),
    Case(
      name: "encryption with a customer's key", status: "200 OK",
      headers: [wrongTag, "x-amz-server-side-encryption-customer-algorithm: AES256"]),
  ])
  func takesTheseForStored(test: Case) throws {
    let server = try ScriptedServer { _ in test.reply }
    let store = try S3RequestTests.store(server.host)
    for condition in [PutCondition.always, .ifAbsent, .ifMatch(ETag("x"))] {
      try store.put(try key("a"), Self.content, condition)
    }
  }

  @Test func replacesWhatAStoreKeptOfHalfABody() throws {
    let server = try ScriptedServer { request in
      let isRepair = request.lowercased().contains(
        "\r\nif-match: \"\(String(repeating: "0", count: 32))\"\r\n")
      return ScriptedServer.reply("200 OK", headers: [isRepair ? Self.rightTag : Self.wrongTag])
    }
    let store = try S3RequestTests.store(server.host)
    try store.put(try key("a"), Self.content, .ifAbsent)
    #expect(server.requests.count == 2)
  }

  @Test(arguments: [
    Case(name: "an error", status: "200 OK", body: error),
    Case(name: "an error with a tag", status: "200 OK", headers: ["ETag: \"v1\""], body: error),
    Case(name: "an error with an object's tag", status: "200 OK", headers: [rightTag], body: error),
    Case(
      name: "that there is no such object", status: "200 OK",
      body: "<Error><Code>NoSuchKey</Code></Error>"),
    Case(name: "a portal's page", status: "200 OK", headers: ["Content-Type: text/html"], body: page),
    Case(name: "other bytes", status: "200 OK", headers: [rightTag], body: "hellO"),
    Case(name: "no tag", status: "200 OK", body: "hello"),
    Case(name: "203", status: "203 Non-Authoritative Information", headers: [rightTag], body: "hello"),
    Case(
      name: "a part", status: "206 Partial Content", headers: ["ETag: \"v1\"", "Content-Range: bytes 0-4/9"],
      body: "hello"),
  ])
  func takesNoOtherAnswerForAnObject(test: Case) throws {
    let server = try ScriptedServer { _ in test.reply }
    let store = try S3RequestTests.store(server.host)
    let error = thrown { try store.get(try key("a")) }
    #expect(error?.isTransient == true, "\(error?.description ?? "")")
  }

  @Test func readsAnObjectThatLooksLikeAnError() throws {
    let tag = md5(Array(Self.error.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
    let server = try ScriptedServer { _ in
      ScriptedServer.reply("200 OK", headers: ["ETag: \"\(tag.joined())\""], body: Self.error)
    }
    #expect(try S3RequestTests.store(server.host).get(try key("a")).bytes == Array(Self.error.utf8))
  }

  @Test(arguments: [
    "bytes 1-5/9", "bytes 0-3/9", "bytes 0-4/5", "bytes 0-9/10", "bytes 4-0/9", "bytes x", "octets 0-4/9",
    "bytes -1-4/9", "bytes 0-99999999999999999999/9",
  ])
  func takesNoOtherPart(header: String) throws {
    let server = try ScriptedServer { _ in
      ScriptedServer.reply(
        "206 Partial Content", headers: ["ETag: \"v1\"", "Content-Range: \(header)"], body: "hello")
    }
    let store = try S3RequestTests.store(server.host)
    let error = thrown { try store.get(try key("a"), range: header.hasSuffix("/5") ? 0..<4 : 0..<8) }
    #expect(error?.code == .damaged)
  }

  @Test func deletesNothingByAPortal() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK", body: Self.page) }
    let store = try S3RequestTests.store(server.host)
    let delete = thrown { try store.delete(try key("a")) }
    #expect(delete?.isTransient == true)
    let head = thrown { try store.head(try key("a")) }
    #expect(head?.isTransient == true)
  }

  // MARK: Time

  /// Answers that never end, though bytes keep coming.
  static let slow: [(name: String, answer: ScriptedServer.Answer)] = [
    ("silence", .silence),
    (
      "an error that drips",
      .drip(
        "HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n", piece: String(repeating: "x", count: 80),
        milliseconds: 100)
    ),
    (
      "a success that drips",
      .drip(
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 1000000\r\n\r\n",
        piece: String(repeating: "x", count: 80), milliseconds: 100)
    ),
    (
      "a head that drips",
      .drip(
        "HTTP/1.1 200 OK\r\n", piece: "X-More: 0123456789012345678901234567890123456789\r\n",
        milliseconds: 100
      )
    ),
    (
      "heads without end",
      .drip("HTTP/1.1 100 Continue\r\n\r\n", piece: "HTTP/1.1 100 Continue\r\n\r\n", milliseconds: 300)
    ),
  ]

  @Test(arguments: slow.indices) func endsAtItsDeadline(index: Int) throws {
    let server = try ScriptedServer { _ in Self.slow[index].answer }
    var settings = S3RequestTests.settings(server.host)
    settings.transferTimeout = 60
    let store = try S3ObjectStore(settings: settings, bucket: "bucket", prefix: "p")
    let begin = Date()
    RequestDeadline.enforce(ProcessInfo.processInfo.systemUptime + 1) {
      let put = thrown { try store.put(try key("a"), [1], .always) }
      #expect(put?.isTransient == true)
      #expect((0.9..<2).contains(Date().timeIntervalSince(begin)), "\(Self.slow[index].name)")
      let sent = server.requests.count
      let late = thrown { try store.get(try key("a")) }
      #expect(late?.code == .timeout && server.requests.count == sent)
    }
  }

  @Test(arguments: slow.indices) func endsWithoutADeadline(index: Int) throws {
    let server = try ScriptedServer { _ in Self.slow[index].answer }
    // Its transfers may make no progress for a second.
    let store = try S3RequestTests.store(server.host)
    let begin = Date()
    let put = thrown { try store.put(try key("a"), [1], .always) }
    #expect(put?.isTransient == true, "\(put?.description ?? "")")
    _ = thrown { try store.get(try key("a")) }
    #expect(Date().timeIntervalSince(begin) < 15, "\(Self.slow[index].name)")
  }

  @Test func doesNotBindOtherThreadsAndKeepsTheEarlierDeadline() throws {
    #expect(RequestDeadline.current == nil)
    RequestDeadline.enforce(10) {
      RequestDeadline.enforce(20) { #expect(RequestDeadline.current == 10) }
      RequestDeadline.enforce(5) { #expect(RequestDeadline.current == 5) }
      concurrently(1) { _ in #expect(RequestDeadline.current == nil) }
    }
  }

  // MARK: Size

  @Test func readsNoMoreOfAnErrorThanItNeeds() throws {
    let server = try ScriptedServer { _ in
      .drip(
        "HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n",
        piece: "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n", milliseconds: 0)
    }
    let store = try S3RequestTests.store(server.host)
    let error = thrown { try store.put(try key("a"), [1], .always) }
    #expect(error?.code == .slowDown)
  }

  @Test func readsNoMoreThanAnObjectOrAListingCanHold() throws {
    let server = try ScriptedServer { request in
      .drip(
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\r\n"
          + (request.contains("?") ? "14\r\n<ListBucketResult>\r\n\r\n" : ""),
        piece: "1000\r\n" + String(repeating: " ", count: 4096) + "\r\n", milliseconds: 0)
    }
    let store = try S3ObjectStore(
      settings: S3RequestTests.settings(server.host), bucket: "bucket", prefix: "p",
      sizeLimit: { $0.name == "a" ? 100_000 : 5 << 20 })
    for name in ["a", "b"] {
      let get = thrown { try store.get(try key(name)) }
      #expect(get?.code == .damaged && get?.cause.contains("goes on beyond") == true)
    }
    #expect(try store.get(try key("a"), range: 0..<5).bytes == Array("     ".utf8))
    let list = thrown { try store.list(prefix: "", after: nil, limit: 1000) }
    #expect(list?.code == .damaged && list?.cause.contains("goes on beyond") == true)
    let announced = try ScriptedServer { _ in
      .drip(
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9223372036854775807\r\n\r\n",
        piece: String(repeating: " ", count: 65536), milliseconds: 0)
    }
    let other = try S3ObjectStore(
      settings: S3RequestTests.settings(announced.host), bucket: "bucket", prefix: "p",
      sizeLimit: { _ in 1 << 20 })
    let huge = thrown { try other.get(try key("a")) }
    #expect(huge?.code == .damaged)
  }

  /// A long statement makes a batch that is larger than what is read without asking.
  @Test func readsALargeObjectAsFarAsTheStoreSays() throws {
    let server = try HostileServer()
    server.objects["p/large"] = [UInt8](repeating: 7, count: 65 << 20)
    let store = try S3ObjectStore(
      settings: S3RequestTests.settings(server.host), bucket: "bucket", prefix: "p",
      sizeLimit: { _ in 66 << 20 })
    #expect(try store.get(try key("large")).bytes.count == 65 << 20)
    #expect(server.requests == 3)
    server.objects["p/large"] = [UInt8](repeating: 7, count: 67 << 20)
    let error = thrown { try store.get(try key("large")) }
    #expect(error?.cause.contains("goes on beyond") == true)
  }

  @Test func readsNoHeadWithoutEnd() throws {
    let server = try ScriptedServer { _ in
      .drip(
        "HTTP/1.1 200 OK\r\n", piece: "X-More: \(String(repeating: "y", count: 1000))\r\n", milliseconds: 0)
    }
    let store = try S3RequestTests.store(server.host)
    let error = thrown { try store.get(try key("a")) }
    #expect(error?.isTransient == true)
  }

  // MARK: Listings

  static func listing(_ entries: [(key: String, size: String)], isTruncated: Bool) -> ScriptedServer.Answer {
    let contents = entries.map {
      "<Contents><Key>\($0.key)</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;t&quot;</ETag>"
        + "<Size>\($0.size)</Size><StorageClass>STANDARD</StorageClass></Contents>"
    }
    return ScriptedServer.reply(
      "200 OK",
      body:
        "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><IsTruncated>\(isTruncated)</IsTruncated>"
        + contents.joined() + "</ListBucketResult>")
  }

  @Test(arguments: [true, false]) func endsAListingThatDoesNotContinue(isTruncated: Bool) throws {
    let server = try ScriptedServer { _ in
      Self.listing([("p/a", "1"), ("p/b", "1")], isTruncated: isTruncated)
    }
    let store = try S3RequestTests.store(server.host)
    let next = thrown { try store.list(prefix: "", after: "b", limit: 2) }
    #expect(next?.code == .damaged && next?.cause.contains("does not go on") == true)
    if isTruncated {
      let all = thrown { try store.listAll(prefix: "") }
      #expect(all?.code == .damaged && server.requests.count == 3)
    }
  }

  @Test func boundsTheSizesOfAListing() throws {
    let server = try ScriptedServer { _ in
      Self.listing(
        [("p/a", "9223372036854775807"), ("p/b", "18446744073709551615"), ("p/c", "-1"), ("p/d", "x")],
        isTruncated: false)
    }
    let found = try S3RequestTests.store(server.host).listAll(prefix: "")
    #expect(found.map(\.key.name) == ["a", "b", "c", "d"])
    #expect(found.allSatisfy { (0...ObjectInfo.largest).contains($0.size) })
    _ = found.reduce(0) { $0 + $1.size }
  }

  @Test func endsAListingThatIsInterruptedBetweenItsPages() throws {
    let server = try ScriptedServer { request in
      let page = request.components(separatedBy: "marker=p%2F").last?.prefix(6) ?? ""
      let number = (Int(page) ?? 100_000) + 1
      return Self.listing([("p/\(number)", "1")], isTruncated: true)
    }
    let store = try S3ObjectStore(
      settings: S3RequestTests.settings(server.host), bucket: "bucket", prefix: "p",
      isGivenUp: { server.requests.count >= 5 })
    let error = thrown { try store.listAll(prefix: "") }
    #expect(error?.cause == "interrupted" && server.requests.count == 5)
  }
}
