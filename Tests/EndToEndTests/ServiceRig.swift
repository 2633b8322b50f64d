import Foundation
import Glibc
import TestSupport
import Testing

/// A folder of databases, and a service that mirrors them.
final class ServiceRig {
  let folder: TemporaryFolder
  let replica: Replica
  private(set) var process: RunningShell?

  init(_ kind: Replica.Kind) throws {
    folder = try TemporaryFolder()
    replica = try Replica(kind)
    try FileManager.default.createDirectory(atPath: folder.path("dbs"), withIntermediateDirectories: true)
  }

  var environment: [String: String] { replica.environment.merging(["HOME": folder.path]) { $1 } }

  /// Starts a service for the folder `dbs`.
  @discardableResult
  func start(
    _ arguments: [String] = [], sources: [String] = ["dbs"], environment extra: [String: String] = [:]
  ) throws -> RunningShell {
    let process = try RunningShell(
      ["-serve"] + replica.arguments + arguments + sources, environment: environment.merging(extra) { $1 },
      in: folder)
    self.process = process
    return process
  }

  /// Waits until a condition holds; returns false if it does not in time.
  func waits(seconds: Double = 30, until isDone: () throws -> Bool) rethrows -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while try !isDone() {
      guard Date() < end else { return false }
      usleep(20_000)
    }
    return true
  }

  /// Waits until its log holds a text, at least `count` times.
  func logs(_ text: String, count: Int = 1, seconds: Double = 30) -> Bool {
    waits(seconds: seconds) { (process?.errors ?? "").components(separatedBy: text).count > count }
  }

  /// Waits until a script has made a file.
  func has(_ name: String) -> Bool { waits { FileManager.default.fileExists(atPath: folder.path(name)) } }

  var log: Comment { Comment(rawValue: process?.errors ?? "") }

  /// Ends the service as systemd does; returns its exit code.
  func stop(_ signal: Int32 = SIGTERM) throws -> Int32 {
    let process = try #require(process)
    Glibc.kill(process.processID, signal)
    return try process.end()
  }

  /// Runs a Python script in the folder of the databases.
  @discardableResult
  func python(_ script: String, _ arguments: [String] = []) throws -> String {
    let result = try ShellHarness.run(
      Servers.program("python3"),
      ["-c", "import sqlite3, sys, time, os\nos.chdir('dbs')\n" + script] + arguments,
      in: folder, seconds: 60)
    try #require(result.code == 0, "\(result.errors)")
    return result.output
  }

  /// Starts a Python script that runs beside the test.
  func startPython(_ script: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Servers.program("python3"))
    process.arguments = ["-c", "import sqlite3, sys, time, os\nos.chdir('dbs')\n" + script]
    process.currentDirectoryURL = folder.url
    try Signals.unblocked { try process.run() }
    return process
  }

  /// The answer of a database that was restored from its replica.
  func restored(_ name: String, _ sql: String) throws -> String {
    let other = try TemporaryFolder()
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
      input: Data(".restore wal --from \(replica.url)/\(name) --output restored.db\n".utf8), in: other,
      environment: environment)
    try #require(result.code == 0, "\(result.errors)")
    return try sqlite3(sql, other.path("restored.db"))
  }

  func answer(_ name: String, _ sql: String) throws -> String { try sqlite3(sql, folder.path("dbs/" + name)) }
}
