import Foundation
import TestSupport
import Testing

/// Tests sessions while the store cannot be reached, and after it is back.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct OutageTests {
  private let server: RestartableServer
  private let folder: TemporaryFolder
  private let home: TemporaryFolder

  init() throws {
    server = try RestartableServer(bucket: "outage")
    folder = try TemporaryFolder()
    home = try TemporaryFolder()
  }

  private var environment: [String: String] {
    [
      "HOME": home.path, "S3_HOSTNAME": "http://\(server.host)", "S3_BUCKET": "outage",
      "S3_ACCESS_KEY_ID": RcloneServer.accessKey, "S3_SECRET_ACCESS_KEY": RcloneServer.secretKey,
      "S3_SYNC_INTERVAL": "0.05", "S3_FLUSH_TIMEOUT": "20",
    ]
  }

  private func start(_ arguments: [String] = [], _ settings: [String: String] = [:]) throws -> RunningShell {
    try RunningShell(
      arguments + ["live.db"], environment: environment.merging(settings) { $1 }, in: folder)
  }

  private func restored(_ source: String) throws -> String {
    let other = try TemporaryFolder()
    let result = try ShellHarness.run(
      ShellHarness.program, ["-bail", "live.db"],
      input: Data(".restore \(source)\nSELECT group_concat(a) FROM t;\n".utf8), in: other,
      environment: environment)
    #expect(result.code == 0, "\(result.errors)")
    return String(result.output.split(separator: "\n").last ?? "")
  }

  /// Waits for a status that fits, because the mirror may need a moment to notice.
  private func status(_ shell: RunningShell, where fits: (String) -> Bool) throws -> Bool {
    for _ in 0..<5000 {
      try shell.type(".mirror status --json\n")
      guard let line = shell.line() else { return false }
      if fits(line) { return true }
    }
    return false
  }

  @Test func continuesWithoutTheStoreAndCatchesUp() throws {
    let shell = try start()
    try shell.type("CREATE TABLE t(a); INSERT INTO t VALUES(1);\n.mirror sync\nSELECT 'synced';\n")
    try #require(shell.expect("synced"), "\(shell.errors)")

    try server.stop()
    for number in 2...20 {
      try shell.type("INSERT INTO t VALUES(\(number)); SELECT 'row \(number)';\n")
      #expect(shell.expect("row \(number)", seconds: 5))
    }
    #expect(try status(shell) { !$0.contains(#""last_error":null"#) && $0.contains("127.0.0.1") })

    try server.start()
    try shell.type(".mirror sync\nSELECT 'caught up';\n")
    #expect(shell.expect("caught up"), "\(shell.errors)")
    #expect(try status(shell) { $0.contains(#""last_error":null"#) && $0.contains(#""lag_frames":0"#) })
    #expect(try shell.end() == 0, "\(shell.errors)")

    let rows = (1...20).map(String.init).joined(separator: ",")
    #expect(try restored("wal") == rows)
    #expect(try restored("sql") == rows)
  }

  @Test func reportsAtTheEndWhatIsNotStoredAndSendsItNextTime() throws {
    let shell = try start([], ["S3_FLUSH_TIMEOUT": "1"])
    try shell.type("CREATE TABLE t(a); INSERT INTO t VALUES(1);\n.mirror sync\nSELECT 'synced';\n")
    try #require(shell.expect("synced"), "\(shell.errors)")
    try server.stop()
    try shell.type("INSERT INTO t VALUES(2); INSERT INTO t VALUES(3);\n")
    #expect(try shell.end() == 1)
    #expect(shell.errors.contains("could not connect"), "\(shell.errors)")
    #expect(shell.errors.contains("2 transactions are not mirrored"), "\(shell.errors)")

    try server.start()
    let again = try start()
    #expect(try again.end() == 0, "\(again.errors)")
    #expect(try restored("wal") == "1,2,3")
    #expect(try restored("sql") == "1,2,3")
  }

  @Test func reportsACommitThatIsNotMirroredInSync() throws {
    let shell = try start(["-durability", "sync"], ["S3_FLUSH_TIMEOUT": "1"])
    try shell.type("CREATE TABLE t(a); INSERT INTO t VALUES(1);\nSELECT 'acknowledged';\n")
    try #require(shell.expect("acknowledged"), "\(shell.errors)")
    try server.stop()
    try shell.type("INSERT INTO t VALUES(2);\nSELECT 'after';\n")
    #expect(shell.expect("after"))
    #expect(shell.errors.contains("committed locally, not mirrored"), "\(shell.errors)")
    #expect(try shell.end() == 1)
  }
}
