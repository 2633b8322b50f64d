import Foundation
import Glibc
import TestSupport
import Testing

/// Secrets on the line and in memory.
@Suite struct TransportSecretTests {
  private let folder: TestSupport.TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ host: String, _ environment: [String: String] = [:]) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, ["-bail", "live.db"], input: Data("CREATE TABLE t(a);\n.mirror sync\n".utf8),
      in: folder,
      environment: [
        "HOME": folder.path, "S3_HOSTNAME": "https://\(host)", "S3_BUCKET": "bucket",
        "S3_ACCESS_KEY_ID": "key",
        "S3_SECRET_ACCESS_KEY": "secret", "S3_FLUSH_TIMEOUT": "2", "S3_CONNECT_TIMEOUT": "2",
        "S3_TRANSFER_TIMEOUT": "2",
      ].merging(environment) { $1 })
  }

  @Test func writesNoKeysOfConnectionsToAFile() throws {
    let log = folder.path("keys.log")
    let result = try run("127.0.0.1:\(Ports.closed())", ["SSLKEYLOGFILE": log])
    #expect(result.code == 1 && result.errors.contains("SSLKEYLOGFILE is set"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: log))
  }

  /// Returns whether a server with only one version of TLS accepts a connection.
  private func speaks(_ version: String) throws -> Bool {
    let made = try ShellHarness.run(
      "/usr/bin/env",
      [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
      ], in: folder)
    try #require(made.code == 0, "\(made.errors)")
    let port = Ports.closed()
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    server.arguments = [
      "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", "cert.pem", "-key", "key.pem", "-www",
      version,
      "-cipher", "ALL:@SECLEVEL=0",
    ]
    server.currentDirectoryURL = folder.url
    server.standardInput = FileHandle.nullDevice
    server.standardOutput = FileHandle.nullDevice
    server.standardError = FileHandle.nullDevice
    try Signals.unblocked { try server.run() }
    defer {
      server.terminate()
      server.waitUntilExit()
    }
    let end = Date().addingTimeInterval(10)
    var errors = "could not connect"
    while errors.contains("could not connect"), Date() < end {
      errors = try run("127.0.0.1:\(port)", ["S3_CA_BUNDLE": folder.path("cert.pem")]).errors
    }
    // Its answer is not S3's, but an answer shows that there was a connection.
    return errors.contains("but not as a store does") || errors.contains("refuses the request")
  }

  @Test func speaksNoTLSBelow12() throws {
    #expect(try speaks("-tls1_2"))
    #expect(try !speaks("-tls1_1"))
  }

  /// Returns whether the program leaves a dump of its memory when it crashes.
  private func dumps(_ arguments: [String], _ environment: [String: String]) throws -> Bool {
    let place = try TemporaryFolder()
    let program = ([ShellHarness.program] + arguments).map { "'\($0)'" }.joined(separator: " ")
    let result = try ShellHarness.run(
      "/bin/sh",
      [
        "-c",
        "ulimit -c unlimited; { echo 'create table t(a);'; echo '.shell kill -XCPU $PPID'; } | \(program)",
      ],
      in: place, environment: environment.merging(["HOME": place.path]) { $1 })
    #expect(result.code != 0)
    return try FileManager.default.contentsOfDirectory(atPath: place.path).contains { $0.hasPrefix("core") }
  }

  @Test func leavesNoDumpIfThereAreKeys() throws {
    // If dumps go elsewhere, there is nothing to check.
    guard try dumps(["plain.db"], [:]) else { return }
    let keys = [
      "S3_HOSTNAME": "http://127.0.0.1:1", "S3_BUCKET": "bucket", "S3_ACCESS_KEY_ID": "key",
      "S3_SECRET_ACCESS_KEY": "secret",
    ]
    #expect(try !dumps(["live.db"], keys))
    let file = try folder.write(String(repeating: "0a", count: 32), to: "key")
    #expect(
      try !dumps(["-mirror", "file://\(folder.path)/replica", "live.db"], ["S3_ENCRYPTION_KEY_FILE": file]))
  }
}
