internal import Foundation
internal import Glibc

/// A program at a pseudo-terminal, with a person typing.
package final class PseudoTerminal {
  private let master: Int32
  private let process = Process()
  /// Everything that the program has written.
  package private(set) var screen = ""

  /// Starts a program at a new terminal.
  package init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], in folder: String? = nil
  ) throws {
    var (master, terminal): (Int32, Int32) = (-1, -1)
    guard openpty(&master, &terminal, nil, nil, nil) == 0 else { throw POSIXError(.ENODEV) }
    // Not inherited: the program must see the end when we are gone.
    _ = fcntl(master, F_SETFD, FD_CLOEXEC)
    self.master = master
    let handle = FileHandle(fileDescriptor: terminal, closeOnDealloc: true)
    // A session of its own, with the terminal as its controlling one, because Ctrl-C must become a
    // signal.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
    process.arguments = ["--ctty", "--wait", program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["TERM": "dumb"]) { $1 }
      .merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = handle
    try Signals.unblocked { try process.run() }
    try handle.close()
  }

  deinit {
    if process.isRunning { process.terminate() }
    close(master)
  }

  /// Types keys as on a keyboard.
  package func type(_ keys: String) {
    var keys = keys
    keys.withUTF8 { _ = write(master, $0.baseAddress, $0.count) }
  }

  /// Reads until the screen holds `text` after what was read before; returns false if it does not
  /// come in time.
  package func expect(_ text: String, seconds: Double = 10) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while true {
      if let range = screen.range(of: text, range: mark..<screen.endIndex) {
        mark = range.upperBound
        return true
      }
      guard Date() < end, read(until: end) else { return false }
    }
  }

  /// Changes the size of the window.
  package func resize(columns: UInt16, rows: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  private var mark = "".startIndex

  private func read(until end: Date) -> Bool {
    var input = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    let wait = Int32(max(0, end.timeIntervalSinceNow) * 1000)
    guard poll(&input, 1, wait) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(master, &bytes, bytes.count)
    guard count > 0 else { return false }
    let position = screen.utf8.distance(from: screen.startIndex, to: mark)
    screen += String(decoding: bytes[..<count], as: UTF8.self)
    mark = screen.utf8.index(screen.startIndex, offsetBy: position)
    return true
  }

  /// Waits until the program has used 50 more milliseconds of processor time; returns false if it
  /// does not in time.
  ///
  /// A statement that runs and prints nothing gives no other sign.
  package func isBusy(seconds: Double = 10) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    let goal = processorTicks + 50 * Int(sysconf(Int32(_SC_CLK_TCK))) / 1000
    while processorTicks < goal {
      guard Date() < end else { return false }
      _ = read(until: Date().addingTimeInterval(0.01))
    }
    return true
  }

  /// Clock ticks that the program, which is the only child of `setsid`, has used: fields 14 and 15
  /// of proc(5)'s `stat`.
  private var processorTicks: Int {
    let parent = process.processIdentifier
    let child = text("/proc/\(parent)/task/\(parent)/children").split(separator: " ").first
    let stat = text("/proc/\(child.map(String.init) ?? "\(parent)")/stat")
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    return fields.count > 13 ? (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0) : 0
  }

  private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  /// Waits for the program to end; returns its exit code, or nil if it goes on.
  package func exitCode(seconds: Double = 10) -> Int32? {
    let end = Date().addingTimeInterval(seconds)
    while process.isRunning && Date() < end { _ = read(until: Date().addingTimeInterval(0.02)) }
    guard !process.isRunning else { return nil }
    // Its last output may have come between the last read and its end.
    while read(until: Date().addingTimeInterval(0.02)) {}
    return process.terminationStatus
  }
}
