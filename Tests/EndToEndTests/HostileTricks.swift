import Foundation
import TestSupport
import Testing

/// Everything that a server may do to its clients, each by a name.
struct HostileTrick: Sendable, CustomTestStringConvertible {
  typealias Server = HostileServer
  let testDescription: String
  /// Whether the restored state may be older, because the server hid newer objects.
  var hides = false
  let trick: HostileServer.Trick

  init(_ name: String, hides: Bool = false, _ trick: @escaping HostileServer.Trick) {
    testDescription = name
    self.hides = hides
    self.trick = trick
  }

  private static let chunked = [("Transfer-Encoding", "chunked")]
  private static let piece = Array("8000\r\n\(String(repeating: "x", count: 0x8000))\r\n".utf8)

  /// Tricks for answers to gets only.
  private static func get(
    _ name: String, hides: Bool = false,
    _ action: @escaping @Sendable (Server.Request, Server.Answer) -> Server.Action
  ) -> HostileTrick {
    HostileTrick(name, hides: hides) { $0.isGet && $1.status.hasPrefix("2") ? action($0, $1) : .answer($1) }
  }

  private static func list(
    _ name: String, hides: Bool = false,
    _ action: @escaping @Sendable (Server.Request, Server.Answer) -> Server.Action
  ) -> HostileTrick {
    HostileTrick(name, hides: hides) { $0.isListing ? action($0, $1) : .answer($1) }
  }

  private static func put(
    _ name: String, _ action: @escaping @Sendable (Server.Request, Server.Answer) -> Server.Action
  ) -> HostileTrick {
    HostileTrick(name) { $0.isPut ? action($0, $1) : .answer($1) }
  }

  private static let first = Array(
    "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>".utf8)

  static let gets = [
    get("an endless object") { .endless(Array($1.head(chunked).utf8), piece: piece, milliseconds: 0) },
    get("an object of 2^63 - 1 bytes") {
      .endless(Array($1.head([("Content-Length", "\(Int.max)")]).utf8), piece: piece, milliseconds: 0)
    },
    get("a negative length") { .raw(Array($1.head([("Content-Length", "-5")]).utf8) + $1.body) },
    get("half an object, then FIN") { .raw(Array($1.bytes.dropLast($1.body.count / 2 + 1))) },
    get("half an object, then RST") { .reset(Array($1.bytes.dropLast($1.body.count / 2 + 1))) },
    get("half an object of the half's length") {
      .answer(Server.Answer("200 OK", [("ETag", "\"half\"")], Array($1.body.prefix($1.body.count / 2))))
    },
    get("an empty object") { .answer(Server.Answer($1.status, $1.headers, [])) },
    get("chunks") { answer($1, "\(String($1.body.count, radix: 16))\r\n", "\r\n0\r\n\r\n") },
    get("broken chunks") { answer($1, "zz\r\n", "\r\n0\r\n\r\n") },
    get("gzip") {
      .answer(Server.Answer($1.status, $1.headers + [("Content-Encoding", "gzip")], [0x1f, 0x8b, 8, 0, 0]))
    },
    get("another range") {
      .answer(
        Server.Answer(
          "206 Partial Content",
          $1.headers.filter { $0.0 != "Content-Range" } + [("Content-Range", "bytes 7-9/10")],
          [1, 2, 3]))
    },
    get("an error with status 200") { _, _ in
      .answer(Server.Answer("200 OK", [], Server.error("", "InternalError").body))
    },
    get("that there is no such key with status 200") { _, _ in
      .answer(Server.Answer("200 OK", [], Server.error("", "NoSuchKey").body))
    },
    get("a portal's page") { _, _ in
      .answer(Server.Answer("200 OK", [("Content-Type", "text/html")], text: "<html>log in</html>"))
    },
    get("bits turned") {
      .answer(Server.Answer($1.status, $1.headers, $1.body.map { $0 ^ 1 }))
    },
    get("a redirect elsewhere") { _, _ in
      .answer(Server.Answer("307 Temporary Redirect", [("Location", "http://127.0.0.1:1/")]))
    },
    get("an endless error") { _, _ in
      .endless(
        Array(Server.Answer("500 Oops").head(chunked).utf8), piece: piece, milliseconds: 0)
    },
    get("a dripping error") { _, _ in
      .endless(
        Array(Server.Answer("500 Oops").head([("Content-Length", "1000000")]).utf8),
        piece: Array(String(repeating: "x", count: 100).utf8), milliseconds: 100)
    },
    get("a dripping object") {
      .endless(Array($1.head([("Content-Length", "1000000")]).utf8), piece: [1], milliseconds: 200)
    },
    get("an endless head") { _, _ in
      .endless(
        Array("HTTP/1.1 200 OK\r\n".utf8), piece: Array("X-A: bcdefghijklmnop\r\n".utf8), milliseconds: 0)
    },
    get("interim answers without end") { _, _ in
      .endless(
        Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), piece: Array("HTTP/1.1 100 Continue\r\n\r\n".utf8),
        milliseconds: 1)
    },
    get("no HTTP") { _, _ in .raw(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)) },
    get("headers of control characters") {
      .answer(
        Server.Answer(
          $1.status, [("ETag", "\"\u{1b}[31m\u{7}\""), ("Date", "Thu, 01 Jan 99999 00:00:00 GMT")], $1.body))
    },
    get("terminal escapes in an error") { _, _ in
      .answer(
        Server.Answer(
          "400 Bad", [], text: "<Error><Code>A\u{1b}[2J</Code><Message>\u{9b}1m</Message></Error>"))
    },
    HostileTrick("silence") { _, _ in .silence },
    HostileTrick("RST at once") { _, _ in .reset([]) },
    HostileTrick("500 for all") { _, _ in .answer(Server.error("500 Internal Server Error", "InternalError"))
    },
    HostileTrick("every second request fails") { request, answer in
      request.headers["authorization"]?.hashValue.isMultiple(of: 2) == true ? .reset([]) : .answer(answer)
    },
  ]

  private static func answer(_ answer: Server.Answer, _ before: String, _ after: String) -> Server.Action {
    .raw(Array((answer.head(chunked) + before).utf8) + answer.body + Array(after.utf8))
  }

  private static func entries(_ names: [String], size: String = "1", isTruncated: Bool = false)
    -> Server.Action
  {
    .answer(Server.listing(names.map { ("p/" + $0, size) }, isTruncated: isTruncated))
  }

  static let lists = [
    list("sizes of 2^63 - 1") { _, answer in
      let text = String(decoding: answer.body, as: UTF8.self)
      return .answer(
        Server.Answer(
          answer.status, answer.headers,
          text: text.replacingOccurrences(
            of: "<Size>[0-9]*</Size>", with: "<Size>9223372036854775807</Size>", options: .regularExpression))
      )
    },
    list("negative sizes") { _, answer in
      let text = String(decoding: answer.body, as: UTF8.self)
      return .answer(
        Server.Answer(
          answer.status, answer.headers, text: text.replacingOccurrences(of: "<Size>", with: "<Size>-")))
    },
    list("an endless listing") { _, answer in
      .endless(Array(answer.head(chunked).utf8), piece: piece, milliseconds: 0)
    },
    list("endless entries") { _, answer in
      let entry = "<Contents><Key>p/generations/00000001-00000001/x</Key><Size>1</Size></Contents>"
      let entries = String(repeating: entry, count: 500)
      return .endless(
        Array(answer.head(chunked).utf8) + Array("\(String(first.count, radix: 16))\r\n".utf8) + first + [
          13, 10,
        ],
        piece: Array("\(String(entries.utf8.count, radix: 16))\r\n\(entries)\r\n".utf8), milliseconds: 0)
    },
    list("a listing that does not go on") { request, _ in
      entries(["generations/00000001-00000001/generation.txt"], isTruncated: true)
    },
    list("a listing cut short") { _, answer in
      .answer(Server.Answer(answer.status, answer.headers, Array(answer.body.dropLast(30))))
    },
    list("no listing but a page") { _, _ in .answer(Server.Answer("200 OK", [], text: "<html>log in</html>"))
    },
    list("an error for a listing with status 200") { _, _ in
      .answer(Server.Answer("200 OK", [], Server.error("", "SlowDown").body))
    },
    list("an empty listing", hides: true) { _, _ in entries([]) },
    list("an empty page before more") { _, _ in entries([], isTruncated: true) },
    list("an XML bomb") { _, answer in
      let levels = (1...9).map {
        "<!ENTITY a\($0) \"\(String(repeating: "&a\($0 - 1);", count: 10))\">"
      }.joined()
      return .answer(
        Server.Answer(
          answer.status, answer.headers,
          text: "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a0 \"xxxxxxxxxx\">\(levels)]><ListBucketResult>"
            + "<IsTruncated>false</IsTruncated><Contents><Key>p/&a9;</Key><Size>1</Size></Contents></ListBucketResult>"
        ))
    },
    list("files of this host as entities") { _, answer in
      .answer(
        Server.Answer(
          answer.status, answer.headers,
          text:
            "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><ListBucketResult>"
            + "<IsTruncated>false</IsTruncated><Contents><Key>p/&f;</Key><Size>1</Size></Contents></ListBucketResult>"
        ))
    },
    list("odd names", hides: true) { _, _ in
      entries([
        "../../etc/passwd", "generations/../x", "generations/\u{1b}[2Jx", String(repeating: "k", count: 5000),
        "generations/00000001-00000001/wal/x", "generations/00000001-00000001/base/ffffffffffffffff.tx", "",
        "generations/00000001-00000001/", "index.txt", "lease.txt",
      ])
    },
    list("names of other prefixes") { _, _ in
      .answer(Server.listing([("q/generations/00000001-00000001/generation.txt", "1")], isTruncated: false))
    },
    list("ten thousand entries in a page") { _, _ in
      entries((0..<10_000).map { "generations/00000001-00000001/x\($0)" })
    },
  ]

  static let puts = [
    put("lost answers to puts") { _, _ in .reset([]) },
    put("some lost answers to puts") { request, answer in
      request.headers["authorization"]?.hashValue.isMultiple(of: 3) == true ? .reset([]) : .answer(answer)
    },
    put("puts answered by a dripping success") {
      .endless(Array($1.head([("Content-Length", "100000")]).utf8), piece: Array(" ".utf8), milliseconds: 50)
    },
    put("puts answered by a dripping error") { _, _ in
      .endless(
        Array(Server.Answer("503 Slow").head([("Content-Length", "1000000")]).utf8),
        piece: Array(String(repeating: "x", count: 100).utf8), milliseconds: 100)
    },
  ]

  /// Puts that are not done although the answer is a success.
  static let lies = [
    put("204 for nothing") { _, _ in .answer(Server.Answer("204 No Content")) },
    put("200 with an error for nothing") { _, _ in
      .answer(Server.Answer("200 OK", [], Server.error("", "InternalError").body))
    },
    put("200 with a page for nothing") { _, _ in
      .answer(Server.Answer("200 OK", [], text: "<html>log in</html>"))
    },
    put("200 without a tag for nothing") { _, _ in .answer(Server.Answer("200 OK")) },
    put("half stored, with the half's tag") { request, _ in
      .answer(
        Server.Answer("200 OK", [("ETag", Server.tag(Array(request.body.prefix(request.body.count / 2))))]))
    },
  ]
}
