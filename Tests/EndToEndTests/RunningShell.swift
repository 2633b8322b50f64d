import Foundation
import Glibc
import TestSupport

/// The running program, with pipes to type into and read from.
final class RunningShell {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let streams: TemporaryFolder
  private var unread: [UInt8] = []
  /// Everything that was read of its output.
  private(set) var seen = ""

  /// `script` is its standard input; without one it reads typed lines.
  init(
    program: String = ShellHarness.program, _ arguments: [String], script: String? = nil,
    environment: [String: String], in folder: TemporaryFolder
  ) throws {
    streams = try TemporaryFolder()
    try streams.write("", to: "errors")
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    var variables = ProcessInfo.processInfo.environment
    for name in variables.keys where name.hasPrefix("S3_") || name.hasPrefix("AWS_") { variables[name] = nil }
    process.environment = variables.merging(environment) { $1 }
    if let script {
      let file = try streams.write(script, to: "script")
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
    } else {
      process.standardInput = input
    }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: streams.url.appendingPathComponent("errors"))
    try Signals.unblocked { try process.run() }
    try output.fileHandleForWriting.close()
  }

  deinit { kill() }

  var processID: Int32 { process.processIdentifier }
  var errors: String { (try? streams.read("errors")).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  func type(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

  /// Returns the next line of output; nil at its end, or if none comes in time.
  func line(seconds: Double = 30) -> String? {
    let end = Date().addingTimeInterval(seconds)
    while true {
      if let newline = unread.firstIndex(of: UInt8(ascii: "\n")) {
        defer { unread.removeFirst(newline + 1) }
        return String(decoding: unread[..<newline], as: UTF8.self)
      }
      guard read(until: end) else { return nil }
    }
  }

  /// Returns whether this line comes in time; earlier lines are skipped.
  func expect(_ wanted: String, seconds: Double = 30) -> Bool {
    while let next = line(seconds: seconds) { if next == wanted { return true } }
    return false
  }

  private func read(until end: Date) -> Bool {
    let descriptor = output.fileHandleForReading.fileDescriptor
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, Int32(max(0, end.timeIntervalSinceNow) * 1000)) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return false }
    unread += bytes[..<count]
    seen += String(decoding: bytes[..<count], as: UTF8.self)
    return true
  }

  /// Kills it.
  func kill() {
    guard process.isRunning else { return }
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Closes its input, and returns its exit code.
  func end() throws -> Int32 {
    try input.fileHandleForWriting.close()
    while line() != nil {}
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Waits for its end; returns the signal that ended it, or nil if there was none.
  func endedBySignal(seconds: Double = 30) -> Int32? {
    let end = Date().addingTimeInterval(seconds)
    while read(until: end) {}
    guard Date() < end else { return nil }
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil
  }
}
