import Foundation
import Glibc

/// TCP ports of 127.0.0.1.
package enum Ports {
  /// Finds unused ports, each with the one 10,000 above it unused as well (SeaweedFS takes both).
  ///
  /// All are below those of outgoing connections.
  package static func free(_ count: Int) -> [Int] {
    var found: [Int] = []
    while found.count < count {
      let port = Int.random(in: 10000..<22000)
      if !found.contains(port), isFree(port), isFree(port + 10000) { found.append(port) }
    }
    return found
  }

  /// Returns a port that refuses connections.
  package static func closed() -> Int { free(1).first ?? 1 }

  /// Returns a socket that listens on a port that the system chooses, and the port.
  static func listen(backlog: Int32) throws -> (socket: Int32, port: Int) {
    let listener = newSocket()
    var address = address(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    guard withAddress(0, { bind(listener, $0, $1) }) == 0, Glibc.listen(listener, backlog) == 0,
      withUnsafeMutablePointer(
        to: &address,
        {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
        }) == 0
    else {
      let cause = String(cString: strerror(errno))
      close(listener)
      throw ServerError(description: "no port to listen on: \(cause)")
    }
    return (listener, Int(UInt16(bigEndian: address.sin_port)))
  }

  /// Waits until an HTTP server answers on the port.
  package static func waitForAnswer(_ port: Int, seconds: Double, request: String? = "GET / HTTP/1.0\r\n\r\n")
    -> Bool
  {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if answers(port, request: request) { return true }
      usleep(50_000)
    }
    return false
  }

  /// Waits until the port refuses connections.
  package static func waitForSilence(_ port: Int, seconds: Double) -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if !answers(port, request: nil) { return true }
      usleep(20_000)
    }
    return false
  }

  static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return address
  }

  static func withAddress<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
    -> Result
  {
    var address = address(port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  static func newSocket() -> Int32 {
    socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  }

  private static func isFree(_ port: Int) -> Bool {
    let descriptor = newSocket()
    defer { close(descriptor) }
    return withAddress(port) { bind(descriptor, $0, $1) } == 0
  }

  private static func answers(_ port: Int, request: String?) -> Bool {
    let descriptor = newSocket()
    defer { close(descriptor) }
    guard withAddress(port, { connect(descriptor, $0, $1) }) == 0 else { return false }
    guard let request else { return true }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else {
      return false
    }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 5 && buffer.starts(with: "HTTP/".utf8)
  }
}
