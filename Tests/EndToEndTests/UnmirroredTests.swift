import Foundation
import TestSupport
import Testing

/// A mirror that cannot begin: then no statement succeeds in `sync`.
@Suite struct UnmirroredTests {
  private static let script = "CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\nSELECT a+6 FROM t;\n"

  private func run(
    _ arguments: [String], _ settings: [String: String], input: String = script
  ) throws -> ShellHarness.Result {
    let folder = try TemporaryFolder()
    return try ShellHarness.run(
      ShellHarness.program, arguments + ["live.db"], input: Data(input.utf8), in: folder,
      environment: settings.merging(["HOME": folder.path]) { one, _ in one })
  }

  @Test(arguments: [
    ["S3_BUCKET": "x"], ["S3_BUCKET": "bucket", "S3_SYNC_INTERVAL": "often"],
    ["S3_BUCKET": "bucket", "S3_ENCRYPTION_KEY_FILE": "/nonexistent/key"],
  ])
  func everyCommitInSyncIsAFailure(settings: [String: String]) throws {
    let sync = settings.merging(["S3_DURABILITY": "sync"]) { one, _ in one }
    let result = try run([], sync)
    #expect(result.code == 1 && result.output == "7\n")
    #expect(
      result.errors.components(separatedBy: "committed locally, not mirrored: ").count == 3, "\(result)")
    let ended = try run(["-bail"], sync)
    #expect(ended.code == 1 && ended.output.isEmpty)
    #expect(ended.errors.components(separatedBy: "committed locally, not mirrored: ").count == 2, "\(ended)")
    // Without that promise it is reported once.
    let async = try run([], settings)
    #expect(async.code == 1 && async.output == "7\n" && !async.errors.contains("committed locally"))
  }

  @Test func whatIsRolledBackIsNone() throws {
    let result = try run(
      [], ["S3_BUCKET": "x", "S3_DURABILITY": "sync"],
      input: "BEGIN;\nCREATE TABLE t(a);\nROLLBACK;\nSELECT 7;\n.mirror off\nCREATE TABLE t(a);\n")
    #expect(result.output == "7\n" && !result.errors.contains("committed locally"), "\(result)")
  }

  /// Commits of others are not the session's.
  @Test func whatOthersCommitIsNotCounted() throws {
    let folder = try TemporaryFolder()
    let input = """
      CREATE TABLE t(a);
      SELECT count(*) FROM t;
      .system '\(Oracle.program)' live.db 'INSERT INTO t VALUES(1)'
      SELECT count(*) FROM t;
      INSERT INTO t VALUES(2);

      """
    let result = try ShellHarness.run(
      ShellHarness.program, ["live.db"], input: Data(input.utf8), in: folder,
      environment: ["HOME": folder.path, "S3_BUCKET": "x", "S3_DURABILITY": "sync"])
    #expect(result.output == "0\n1\n")
    let notMirrored = result.errors.components(separatedBy: "committed locally, not mirrored: ")
    #expect(notMirrored.count == 3, "\(result)")
  }

  /// The mirror begins with the first table, and finds that it cannot.
  @Test func aMirrorThatCannotBeginLaterIsNotOneEither() throws {
    let folder = try TemporaryFolder()
    let input = """
      PRAGMA locking_mode=EXCLUSIVE;
      CREATE TABLE t(a);
      INSERT INTO t VALUES(1);
      PRAGMA locking_mode=NORMAL;
      SELECT count(*) FROM t;
      INSERT INTO t VALUES(2);
      .mirror sync

      """
    let result = try ShellHarness.run(
      ShellHarness.program, ["-durability", "sync", "-mirror", "file://\(folder.path)/replica", "live.db"],
      input: Data(input.utf8), in: folder, environment: ["HOME": folder.path])
    #expect(
      result.errors.components(separatedBy: "committed locally, not mirrored: ").count == 3, "\(result)")
    let restored = try ShellHarness.run(
      ShellHarness.program,
      [
        "-mirror", "off", "other.db", ".restore wal --from file://\(folder.path)/replica",
        "SELECT count(*) FROM t",
      ], input: Data(), in: folder, environment: ["HOME": folder.path])
    #expect(restored.output.hasSuffix("2\n"), "\(restored)")
  }
}
