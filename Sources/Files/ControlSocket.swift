import Glibc
internal import Dispatch

/// A socket on which a process takes orders of other processes of the same user, or of root.
///
/// It has an abstract name with the number of the process, so it leaves no file
/// (https://man7.org/linux/man-pages/man7/unix.7.html). Both sides check with `SO_PEERCRED` who the
/// other one is. A request is one line; an answer is a text that ends with the connection.
package enum ControlSocket {
  private static let prefix = "sqlite3-cloud-s3/"
  /// The maximum bytes of a request and of an answer.
  private static let longestRequest = 8 << 10
  private static let longestAnswer = 64 << 20

  /// Answers requests on threads of its own; false if the name is taken.
  ///
  /// `answer` gets the line without its end, and may be called on several threads at once.
  package static func serve(_ answer: @escaping @Sendable (String) -> String) -> Bool {
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard listener >= 0 else { return false }
    let isBound = withAddress(of: Int(getpid())) { bind(listener, $0, $1) == 0 }
    guard isBound, listen(listener, 16) == 0 else {
      close(listener)
      return false
    }
    DispatchQueue(label: "control").async {
      while true {
        let connection = retrying { accept(listener, nil, nil) }
        guard connection >= 0 else {
          usleep(100_000)
          continue
        }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        guard let peer = credentials(connection), peer.uid == geteuid() || peer.uid == 0 else {
          close(connection)
          continue
        }
        DispatchQueue(label: "control.request").async {
          limit(connection, seconds: 5)
          if let line = readLine(connection) { write(answer(line), to: connection) }
          close(connection)
        }
      }
    }
    return true
  }

  /// Sends a request to a process, and returns its answer; nil if it takes none.
  ///
  /// An answer of another process than the one with this number does not count.
  package static func ask(_ process: Int, _ request: String, seconds: Double) -> String? {
    let connection = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard connection >= 0 else { return nil }
    defer { close(connection) }
    limit(connection, seconds: seconds)
    guard withAddress(of: process, { connect(connection, $0, $1) == 0 }),
      let peer = credentials(connection), Int(peer.pid) == process,
      write(request + "\n", to: connection)
    else { return nil }
    shutdown(connection, Int32(SHUT_WR))
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < longestAnswer {
      let count = retrying { recv(connection, &part, part.count, 0) }
      guard count >= 0 else { return nil }
      if count == 0 { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
      bytes += part[..<count]
    }
    return nil
  }

  /// The numbers of the processes that take requests, in order.
  ///
  /// Read from `/proc/net/unix`, where an abstract name begins with `@`.
  package static func processes() -> [Int] {
    guard let file = try? File("/proc/net/unix", .read),
      let bytes = try? file.read(at: 0, count: 4 << 20)
    else { return [] }
    let names = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap {
      $0.split(separator: " ").last
    }
    let numbers = names.compactMap { name -> Int? in
      name.hasPrefix("@" + prefix) ? Int(name.dropFirst(1 + prefix.utf8.count)) : nil
    }
    return Set(numbers).sorted()
  }

  private static func withAddress<Result>(
    of process: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = [0] + Array("\(prefix)\(process)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let length = MemoryLayout<sa_family_t>.size + name.count
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
    }
  }

  private struct Peer {
    var pid: pid_t = 0
    var uid: uid_t = 0
    var gid: gid_t = 0
  }

  private static func credentials(_ connection: Int32) -> Peer? {
    var peer = Peer()
    var size = socklen_t(MemoryLayout<Peer>.size)
    // SO_PEERCRED (linux/socket.h)
    return getsockopt(connection, SOL_SOCKET, 17, &peer, &size) == 0 ? peer : nil
  }

  private static func limit(_ connection: Int32, seconds: Double) {
    var time = timeval()
    time.tv_sec = Int(seconds)
    time.tv_usec = Int((seconds - Double(Int(seconds))) * 1e6)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(connection, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private static func readLine(_ connection: Int32) -> String? {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1024)
    while bytes.count < longestRequest {
      let count = retrying { recv(connection, &part, part.count, 0) }
      guard count > 0 else { return nil }
      bytes += part[..<count]
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
        return String(decoding: bytes[..<end], as: UTF8.self)
      }
    }
    return nil
  }

  @discardableResult private static func write(_ text: String, to connection: Int32) -> Bool {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        retrying {
          send(
            connection, buffer.baseAddress.map { $0 + done }, buffer.count - done,
            Int32(MSG_NOSIGNAL))
        }
      }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
