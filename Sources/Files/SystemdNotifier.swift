import Glibc

/// Reports the state of the program to systemd
/// (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).
package struct SystemdNotifier: Sendable {
  private let path: String?
  /// Seconds between two signs of life that systemd wants; nil if it wants none.
  package let watchdogSeconds: Double?

  /// Reads `NOTIFY_SOCKET`, and `WATCHDOG_USEC` if it is meant for this process.
  package init() {
    func variable(_ name: String) -> String? {
      ProcessEnvironment.variable(name).flatMap { $0.isEmpty ? nil : $0 }
    }
    path = variable("NOTIFY_SOCKET")
    let isOwn = variable("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
    watchdogSeconds =
      isOwn ? variable("WATCHDOG_USEC").flatMap { Double($0) }.map { $0 / 2e6 } : nil
  }

  /// Sends lines such as `READY=1`; does nothing if systemd does not listen.
  package func send(_ lines: String...) {
    guard let path, path.utf8.count < 108, path.hasPrefix("/") || path.hasPrefix("@") else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(path.utf8)
    // An abstract name begins with a zero byte.
    if path.hasPrefix("@") { name[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let text = Array(lines.joined(separator: "\n").utf8)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), address, length)
      }
    }
  }
}
