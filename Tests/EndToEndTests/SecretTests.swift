import Foundation
import TestSupport
import Testing

/// Keys never leave: not by output, history, objects, records or process arguments.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct SecretTests {
  /// Returns every form in which an object's content can be read: as it is, and decompressed.
  private func readable(_ objects: [String: Data]) throws -> [String: Data] {
    let magic = Data([0x28, 0xb5, 0x2f, 0xfd])
    var found = objects
    for (name, bytes) in objects {
      guard let start = bytes.range(of: magic)?.lowerBound else { continue }
      // Bytes that follow the frame, if any, are no concern of this test.
      let text = try ShellHarness.run("zstd", ["-dc"], input: bytes[start...]).output
      found[name + " decompressed"] = Data(text.utf8)
    }
    return found
  }

  /// Returns the names of objects that hold `secret`.
  private func leaks(of secret: String, in all: [String: Data]) -> [String] {
    all.filter { $0.value.range(of: Data(secret.utf8)) != nil || $0.key.contains(secret) }.keys.sorted()
  }

  private static let script = """
    CREATE TABLE t(a); INSERT INTO t VALUES('a word to find');
    .mirror sync
    .mirror
    .mirror status --json
    .mirror list
    .mirror snapshot
    .show
    .restore wal --dry-run
    .mirror on nonsense
    INSERT INTO nowhere VALUES(1);
    SELECT 'done';\n
    """

  @Test(arguments: [Replica.Kind.seaweed, .rclone]) func leaveNoTrace(_ kind: Replica.Kind) throws {
    let work = try Workplace(kind)
    let secret = try #require(work.environment["S3_SECRET_ACCESS_KEY"])
    let shell = try work.start()
    try shell.type(Self.script)
    try #require(shell.expect("done"), "\(shell.errors)")
    let arguments = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(shell.processID)/cmdline"))
    let running = try work.folder.contents()
    _ = try shell.end()

    var all = try readable(work.replica.objects())
    #expect(!leaks(of: "a word to find", in: all).isEmpty, "the search finds nothing at all")
    #expect(all.keys.contains { $0.contains("/sql/") && $0.hasSuffix(" decompressed") })
    all.merge(running) { $1 }
    all.merge(try work.folder.contents().map { ("after: " + $0.key, $0.value) }) { $1 }
    all.merge(try work.home.contents().map { ("home: " + $0.key, $0.value) }) { $1 }
    #expect(all.keys.contains("live.db-s3pos") || all.keys.contains("after: live.db-s3pos"))
    all["arguments"] = arguments
    all["output"] = Data(shell.seen.utf8)
    all["errors"] = Data(shell.errors.utf8)
    #expect(leaks(of: secret, in: all) == [])
  }

  @Test(arguments: [
    ["S3_SECRET_ACCESS_KEY": "marker-of-a-wrong-secret"],
    ["S3_SECRET_ACCESS_KEY": "marker-of-a-wrong-secret", "S3_SESSION_TOKEN": "marker-of-a-token"],
    ["S3_BUCKET": "no-such-bucket-anywhere"], ["S3_BUCKET": "?"], ["S3_SIGNATURE": "v2"],
    ["S3_HOSTNAME": "http://127.0.0.1:1"], ["S3_REGION": "no/region"], ["S3_CA_BUNDLE": "/no/such/file"],
  ]) func stayOutOfErrors(_ settings: [String: String]) throws {
    let work = try Workplace(.rclone)
    let environment = settings.merging(["S3_FLUSH_TIMEOUT": "1"]) { $1 }
    let result = try work.shell(Self.script, environment: environment)
    let right = try #require(work.environment["S3_SECRET_ACCESS_KEY"])
    var all = try work.folder.contents()
    all["output"] = Data(result.output.utf8)
    all["errors"] = Data(result.errors.utf8)
    for secret in ["marker-of-a", right] { #expect(leaks(of: secret, in: all) == []) }
    #expect(result.code == 1)
  }
}
