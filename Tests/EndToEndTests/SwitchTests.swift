import Foundation
import TestSupport
import Testing

/// `.mirror on` and `.mirror off` are remembered when the database is opened again.
@Suite struct SwitchTests {
  @Test func aRestoreContinuesWithTheChosenReplica() throws {
    let work = try Workplace(.directory)
    let other = "file://" + work.folder.path("other")
    let result = try work.shell(
      """
      CREATE TABLE t(a); INSERT INTO t VALUES(1);
      .mirror on \(other)
      INSERT INTO t VALUES(2);
      .mirror sync
      .restore wal --force
      INSERT INTO t VALUES(3);
      .mirror sync
      .mirror status
      .mirror off
      .open live.db
      SELECT count(*) FROM t;
      .mirror status

      """)
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.contains("replica: file://FOLDER/other"), "\(result.output)")
    #expect(result.output.contains("\n3\n"))
    #expect(result.output.components(separatedBy: "mirror: off").count == 2, "\(result.output)")
  }

  /// A second shell on the same database leaves the mirror to the first one, and takes over from
  /// it.
  @Test func aSecondShellStandsBy() throws {
    let work = try Workplace(.directory)
    let script = """
      CREATE TABLE t(a);
      .mirror sync
      .shell \(ShellHarness.program) -mirror \(work.replica.url) live.db "INSERT INTO t VALUES('second')" 2>second.txt
      INSERT INTO t VALUES('first');

      """
    try work.succeed(script)
    let told = try String(contentsOfFile: work.folder.path("second.txt"), encoding: .utf8)
    #expect(told.contains("is mirrored by process"), "\(told)")
    let restored = try work.restore("wal")
    #expect(try restored.ask("SELECT * FROM t") == "second\nfirst\n")
  }
}
