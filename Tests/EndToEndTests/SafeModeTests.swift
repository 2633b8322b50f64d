import Foundation
import TestSupport
import Testing

/// What `-safe` allows of our own commands, settings and files: the table of `Docs/Security.md`.
@Suite struct SafeModeTests {
  @Test(arguments: [
    (".mirror", "cannot run .mirror in safe mode"), (".mirror status", "cannot run .mirror in safe mode"),
    (".mirror on file:///tmp/none", "cannot run .mirror in safe mode"),
    (".mirror off", "cannot run .mirror in safe mode"),
    (".mirror sync", "cannot run .mirror in safe mode"), (".mirror check", "cannot run .mirror in safe mode"),
    (".mirror snapshot", "cannot run .mirror in safe mode"),
    (".mirror list", "cannot run .mirror in safe mode"),
    (".mirror log", "cannot run .mirror in safe mode"),
    (".mirror prune --keep 1d", "cannot run .mirror in safe mode"),
    (".mirror verify", "cannot run .mirror in safe mode"),
    (".mirror export litestream file:///tmp/none", "cannot run .mirror in safe mode"),
    (".restore wal", "cannot run .restore in safe mode"),
    (".restore sql", "cannot run .restore in safe mode"),
    (".restore other.db", "cannot run .restore in safe mode"),
    ("SELECT count(*) FROM mirror_log;", "cannot use the mirror_log() function in safe mode"),
  ]) func endsTheProgram(_ line: String, _ complaint: String) throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a);\n")
    let result = try work.shell(line + "\nSELECT 'not reached';\n", ["-safe"])
    #expect(result.code == 1 && result.errors.contains(complaint) && result.output.isEmpty, "\(result)")
    // As an argument, too.
    let argument = try ShellHarness.run(
      ShellHarness.program, work.replica.arguments + ["-safe", "live.db", line], in: work.folder,
      environment: work.environment)
    #expect(argument.code == 1 && argument.errors.contains(complaint), "\(argument)")
  }

  @Test func theCommandLineAndTheEnvironmentAreTrusted() throws {
    let work = try Workplace(.directory)
    let key = String(repeating: "5a", count: 32)
    try work.folder.write("#!/bin/sh\ntouch ran\necho \(key)\n", to: "key.sh")
    let result = try work.shell(
      ".highlight off\n.prompt {mirror}\nCREATE TABLE t(a); INSERT INTO t VALUES(7);\n",
      ["-safe", "-bail", "-durability", "sync", "-metrics", "metrics.txt"],
      environment: ["S3_ENCRYPTION_KEY_COMMAND": "sh '\(work.folder.path("key.sh"))'"])
    #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
    for name in ["ran", "metrics.txt", "live.db-s3pos"] {
      #expect(FileManager.default.fileExists(atPath: work.folder.path(name)), "\(name)")
    }
    let restored = try work.shell(
      ".restore wal --output r.db\n", ["-bail"],
      environment: ["S3_ENCRYPTION_KEY_COMMAND": "echo \(key)"])
    #expect(restored.code == 0, "\(restored)")
    #expect(try sqlite3("SELECT a FROM t", work.folder.path("r.db")) == "7\n")
  }

  @Test func aNonceFreesCommandsAsInSQLite3() throws {
    let work = try Workplace(.directory)
    let result = try work.shell(
      "CREATE TABLE t(a);\n.nonce word\n.mirror sync\nSELECT 5;\n",
      ["-nonce", "word", "-safe"])
    #expect(result.output == "5\n" && result.code == 0, "\(result)")
  }
}
