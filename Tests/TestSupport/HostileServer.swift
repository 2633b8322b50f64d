import Digest
import Foundation
import Glibc
import Synchronization

/// A server that speaks S3 honestly from memory, except for the answers that a trick changes.
///
/// It does not distinguish buckets: everything after the first part of a path is an object's key.
/// It does not check signatures.
package final class HostileServer: Sendable {
  package struct Request: Sendable {
    package let method: String
    package let key: String
    package let query: [String: String]
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    /// Whether it asks for a listing.
    package var isListing: Bool { method == "GET" && (key.isEmpty || query["prefix"] != nil) }
    package var isGet: Bool { method == "GET" && !isListing }
    package var isPut: Bool { method == "PUT" }
  }

  package struct Answer: Sendable {
    package var status: String
    package var headers: [(String, String)] = []
    package var body: [UInt8] = []

    package init(_ status: String, _ headers: [(String, String)] = [], _ body: [UInt8] = []) {
      self.status = status
      self.headers = headers
      self.body = body
    }

    package init(_ status: String, _ headers: [(String, String)] = [], text: String) {
      self.init(status, headers, Array(text.utf8))
    }

    /// Status line and headers, with further ones; without `Content-Length` if the caller lies
    /// about the length.
    package func head(_ more: [(String, String)]) -> String {
      (["HTTP/1.1 \(status)"] + (headers + more).map { "\($0.0): \($0.1)" } + ["Connection: close"])
        .joined(separator: "\r\n") + "\r\n\r\n"
    }

    package var bytes: [UInt8] { Array(head([("Content-Length", "\(body.count)")]).utf8) + body }
  }

  /// The bytes on the wire.
  package enum Action: Sendable {
    case answer(Answer)
    /// These bytes, then the end.
    case raw([UInt8])
    /// These bytes, then a reset of the connection.
    case reset([UInt8])
    /// These bytes, then a piece again and again, at this interval in milliseconds, until the
    /// client hangs up.
    case endless([UInt8], piece: [UInt8], milliseconds: UInt32)
    case silence
  }

  /// Makes an action from a request and the honest answer to it.
  package typealias Trick = @Sendable (Request, Answer) -> Action

  package let host: String
  private let listener: Int32
  private let state = Mutex(State())

  private struct State {
    var objects: [String: [UInt8]] = [:]
    var trick: Trick?
    var kept: (@Sendable (Request) -> [UInt8]?)?
    var requests = 0
  }

  package var objects: [String: [UInt8]] {
    get { state.withLock { $0.objects } }
    set { state.withLock { $0.objects = newValue } }
  }

  /// Sets the trick that makes answers; nil answers everything honestly.
  ///
  /// `kept` returns what is stored of a put; nil for nothing.
  package func play(_ trick: Trick?, keeping kept: (@Sendable (Request) -> [UInt8]?)? = nil) {
    state.withLock { ($0.trick, $0.kept) = (trick, kept) }
  }

  package var requests: Int { state.withLock { $0.requests } }

  package init() throws {
    let (listener, port) = try Ports.listen(backlog: 64)
    host = "127.0.0.1:\(port)"
    self.listener = listener
    Thread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0, let self else { break }
        Thread { self.serve(connection) }.start()
      }
    }.start()
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  // MARK: The wire

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    guard let request = Self.read(connection) else { return }
    let (answer, trick) = state.withLock { state in
      state.requests += 1
      let before = state.objects[request.key]
      let answer = Self.answer(request, &state.objects)
      if let kept = state.kept, request.isPut, answer.status.hasPrefix("2") {
        state.objects[request.key] = kept(request) ?? before
      }
      return (answer, state.trick)
    }
    switch trick?(request, answer) ?? .answer(answer) {
    case .answer(let answer):
      Self.send(connection, request.method == "HEAD" ? Self.headOnly(answer) : answer.bytes)
    case .raw(let bytes): Self.send(connection, bytes)
    case .reset(let bytes):
      Self.send(connection, bytes)
      var now = linger(l_onoff: 1, l_linger: 0)
      setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    case .endless(let bytes, let piece, let milliseconds):
      var next = bytes
      while Self.send(connection, next) {
        next = piece
        if milliseconds > 0 { usleep(milliseconds * 1000) }
      }
    case .silence:
      var buffer = [UInt8](repeating: 0, count: 64)
      _ = recv(connection, &buffer, buffer.count, 0)
    }
  }

  private static func headOnly(_ answer: Answer) -> [UInt8] {
    Array(answer.head([("Content-Length", "\(answer.body.count)")]).utf8)
  }

  @discardableResult private static func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress.map { $0 + done }, bytes.count - done, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var end: Int?
    var needed = Int.max
    var lines: [String] = []
    while bytes.count < needed {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
      guard end == nil, let found = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else { continue }
      end = found.upperBound
      lines = String(decoding: bytes[..<found.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
      let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
        .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
      needed = found.upperBound + (length ?? 0)
      if lines.contains(where: { $0.lowercased().hasPrefix("expect: 100") }) {
        send(connection, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      }
    }
    return end.flatMap { request(lines, Array(bytes[$0...])) }
  }

  private static func request(_ lines: [String], _ body: [UInt8]) -> Request? {
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    let parts = words[1].split(separator: "?", maxSplits: 1).map(String.init)
    let path = (parts[0].removingPercentEncoding ?? "").dropFirst().split(separator: "/", maxSplits: 1)
    var query: [String: String] = [:]
    for item in parts.count > 1 ? parts[1].split(separator: "&") : [] {
      let pair = item.split(separator: "=", maxSplits: 1).map { $0.removingPercentEncoding ?? "" }
      query[pair[0]] = pair.count > 1 ? pair[1] : ""
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let pair = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      headers[pair[0].lowercased()] = pair.count > 1 ? pair[1] : ""
    }
    return Request(
      method: words[0], key: path.count > 1 ? String(path[1]) : "", query: query, headers: headers, body: body
    )
  }

  // MARK: The store

  package static func tag(_ bytes: [UInt8]) -> String {
    "\"" + md5(bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\""
  }

  package static func error(_ status: String, _ code: String) -> Answer {
    Answer(
      status, [("Content-Type", "application/xml")],
      text:
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code><Message>no</Message></Error>"
    )
  }

  private static func answer(_ request: Request, _ objects: inout [String: [UInt8]]) -> Answer {
    if request.isListing { return list(request, objects) }
    let present = objects[request.key]
    switch request.method {
    case "PUT":
      if request.headers["if-none-match"] == "*", present != nil {
        return error("412 Precondition Failed", "PreconditionFailed")
      }
      if let wanted = request.headers["if-match"], present.map(tag) != wanted {
        return error("412 Precondition Failed", "PreconditionFailed")
      }
      objects[request.key] = request.body
      return Answer("200 OK", [("ETag", tag(request.body))])
    case "DELETE":
      objects[request.key] = nil
      return Answer("204 No Content")
    default: break
    }
    guard let present else { return error("404 Not Found", "NoSuchKey") }
    let headers = [("ETag", tag(present)), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")]
    guard let range = request.headers["range"]?.dropFirst(6).split(separator: "-").map({ Int($0) ?? 0 })
    else {
      return Answer("200 OK", headers, present)
    }
    guard range[0] < present.count else { return error("416 Range Not Satisfiable", "InvalidRange") }
    let last = min(range.count > 1 ? range[1] : present.count - 1, present.count - 1)
    return Answer(
      "206 Partial Content", headers + [("Content-Range", "bytes \(range[0])-\(last)/\(present.count)")],
      Array(present[range[0]...last]))
  }

  private static func list(_ request: Request, _ objects: [String: [UInt8]]) -> Answer {
    let prefix = request.query["prefix"] ?? ""
    let marker = request.query["marker"] ?? ""
    let keys = objects.keys.filter {
      $0.hasPrefix(prefix) && $0.utf8.lexicographicallyPrecedes(marker.utf8) == false
    }
    .filter { $0 != marker }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let limit = request.query["max-keys"].flatMap { Int($0) } ?? 1000
    return listing(
      keys.prefix(limit).map { ($0, "\(objects[$0]?.count ?? 0)") }, isTruncated: keys.count > limit)
  }

  package static func listing(_ entries: [(key: String, size: String)], isTruncated: Bool) -> Answer {
    let contents = entries.map {
      "<Contents><Key>\($0.key)</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;t&quot;</ETag>"
        + "<Size>\($0.size)</Size><StorageClass>STANDARD</StorageClass></Contents>"
    }
    return Answer(
      "200 OK", [("Content-Type", "application/xml")],
      text:
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>b</Name><IsTruncated>\(isTruncated)"
        + "</IsTruncated>\(contents.joined())</ListBucketResult>")
  }
}
