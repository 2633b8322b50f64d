import Foundation
import TestSupport
import Testing

/// The built program with so many commits in slices of their own that it writes `index.txt`, killed after them.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct IndexedReplicaTests {
  private static let key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

  @Test(arguments: [(Replica.Kind.directory, true), (.seaweed, false), (.seaweed, true), (.rclone, false)])
  func isRestoredWhole(_ kind: Replica.Kind, isEncrypted: Bool) throws {
    let work = try Workplace(kind)
    let keys = try TemporaryFolder()
    var environment = work.environment
    if isEncrypted {
      let file = try keys.write(Self.key + "\n", to: "key")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
      environment["S3_ENCRYPTION_KEY_FILE"] = file
    }
    let count = 700
    var script = "CREATE TABLE t(n);\n"
    for number in 1...count { script += "INSERT INTO t VALUES(\(number));\n" }
    let shell = try RunningShell(
      work.replica.arguments + ["-durability", "sync", "live.db"], environment: environment, in: work.folder)
    try shell.type(script + "SELECT 'there';\n")
    #expect(shell.expect("there", seconds: 120), "\(shell.errors)")
    var objects = try work.replica.objects()
    let end = Date().addingTimeInterval(30)
    while objects["index.txt"] == nil, Date() < end {
      usleep(100_000)
      objects = try work.replica.objects()
    }
    shell.kill()
    let index = try #require(objects["index.txt"])
    #expect(index.starts(with: Data("SQLCS3E1".utf8)) == isEncrypted)

    for source in ["wal --verify", "sql"] {
      let folder = try TemporaryFolder()
      let restored = try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
        input: Data(".restore \(source) --from \(work.replica.url) --output r.db\n".utf8), in: folder,
        environment: environment)
      #expect(restored.code == 0, "\(restored.errors)")
      #expect(
        try sqlite3("SELECT count(*), sum(n) FROM t", folder.path("r.db"))
          == "\(count)|\(count * (count + 1) / 2)\n")
    }
    let verified = try work.shell(".mirror verify\n", ["-bail"], environment: environment)
    #expect(verified.code == 0 && verified.output.contains("no fault found"), "\(verified)")
  }
}
