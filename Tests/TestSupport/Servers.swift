import Foundation
import Glibc

/// The error of a server that did not start.
package struct ServerError: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

/// The S3 servers that `Tests/Servers/setup-venv.sh` installs.
package enum Servers {
  /// Whether the servers are installed; it enables the tests that need one.
  package static var areInstalled: Bool {
    ["weed", "rclone", "installed"].allSatisfy { FileManager.default.isReadableFile(atPath: path(of: $0)) }
  }

  /// Whether Litestream is installed.
  package static var hasLitestream: Bool {
    FileManager.default.isExecutableFile(atPath: path(of: "litestream"))
  }

  package static func program(_ name: String) -> String { path(of: "bin/\(name)") }

  private static func path(of name: String) -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let chosen = ProcessInfo.processInfo.environment["SQLITE3_CLOUD_S3_TEST_VENV"] ?? ""
    let venv = chosen.isEmpty ? "\(root)/.venv-tests" : chosen
    return ["weed", "rclone", "litestream"].contains(name) ? "\(venv)/bin/\(name)" : "\(venv)/\(name)"
  }
}

/// A server in its own folder.
///
/// Both disappear with this process, however it ends.
package final class ServerProcess: Sendable {
  package let folder: String
  /// The watchdog's pipe: it kills the server and removes the folder when this end is closed.
  private let lifeLine: Int32

  /// `leftovers` are files elsewhere that the server makes and does not remove.
  init(leftovers: [String] = [], _ arguments: (_ folder: String) throws -> [String]) throws {
    var template = Array("/tmp/sqlite3-cloud-s3-server-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServerError(description: "no temporary folder") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw ServerError(description: "no pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    lifeLine = ends[1]
    let watchdog = """
      trap '' INT HUP TERM
      folder=$1; leftovers=$2; shift 2
      cd "$folder"
      HOME="$folder" "$@" </dev/null >"$folder/log" 2>&1 &
      server=$!
      cat >/dev/null
      kill -9 $server
      wait $server 2>/dev/null
      cd /
      rm -rf "$folder" $leftovers
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments =
      try ["-c", watchdog, "watchdog", folder, leftovers.joined(separator: " ")] + arguments(folder)
    process.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit { close(lifeLine) }

  var log: String {
    (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)).map { String($0.suffix(4000)) } ?? ""
  }
}

/// A test's own folder, removed with its content when the last reference goes.
package final class ScratchFolder: Sendable {
  package let path: String

  package init() throws {
    path = NSTemporaryDirectory() + "/sqlite3-cloud-s3-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
