import Foundation
import Glibc
import Synchronization

/// A tiny HTTP server that records each request, and answers as a test chooses.
package final class ScriptedServer: Sendable {
  /// The reaction to a request.
  package enum Answer: Sendable {
    /// Sends these bytes and closes the connection.
    case reply(String)
    /// Sends nothing and keeps the connection open.
    case silence
    /// Sends the beginning, then the same piece again and again, at this interval in milliseconds,
    /// until the client hangs up.
    case drip(String, piece: String, milliseconds: UInt32)
  }

  package let host: String
  private let listener: Int32
  private let answer: @Sendable (String) -> Answer
  private let recorded = Mutex<[String]>([])

  /// Requests so far: head and body as text.
  package var requests: [String] { recorded.withLock { $0 } }

  package init(answer: @escaping @Sendable (String) -> Answer) throws {
    let (listener, port) = try Ports.listen(backlog: 16)
    host = "127.0.0.1:\(port)"
    self.answer = answer
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

  /// Returns an answer with a body.
  package static func reply(_ status: String, headers: [String] = [], body: String = "") -> Answer {
    let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers
    return .reply(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
  }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    var needed = Int.max
    while bytes.count < needed {
      let count = recv(connection, &buffer, buffer.count, 0)
      if count <= 0 { return }
      bytes += buffer[..<count]
      if needed == .max, let text = String(validating: bytes, as: UTF8.self),
        let end = text.range(of: "\r\n\r\n")
      {
        let head = text[..<end.lowerBound].lowercased()
        let length = head.split(whereSeparator: \.isNewline).first { $0.hasPrefix("content-length:") }
          .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
        needed = text[..<end.upperBound].utf8.count + (length ?? 0)
      }
    }
    let request = String(decoding: bytes, as: UTF8.self)
    recorded.withLock { $0.append(request) }
    switch answer(request) {
    case .reply(let text):
      _ = send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    case .silence:
      _ = recv(connection, &buffer, buffer.count, 0)
    case .drip(let beginning, let piece, let milliseconds):
      var text = beginning
      while send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL)) > 0 {
        text = piece
        if milliseconds > 0 { usleep(milliseconds * 1000) }
      }
    }
  }
}
