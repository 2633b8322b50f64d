import Foundation
import TestSupport
import Testing

/// Tests that the mirror's own statements are not visible.
@Suite struct InvisibleTests {
  @Test func theMirrorsOwnStatementsDoNotShow() throws {
    let script = """
      CREATE TABLE t(a);
      .databases
      .auth on
      INSERT INTO t VALUES(1);
      CREATE TABLE u(b);
      .trace stdout
      INSERT INTO t VALUES(2);
      CREATE INDEX i ON t(a);
      DROP TABLE u;
      PRAGMA foreign_keys=1;
      .auth off
      .changes on
      UPDATE t SET a=a+1;
      .progress 1 --once
      SELECT count(*) FROM t;\n
      """
    let work = try Workplace(.directory)
    let reference = try TemporaryFolder()
    let plain = try ShellHarness.run(
      Oracle.program, ["live.db"], input: Data(script.utf8), in: reference)
    let mirrored = try work.shell(script)
    #expect(mirrored.code == plain.code)
    expectSame(
      mirrored.output.replacingOccurrences(of: work.folder.path, with: "FOLDER"),
      plain.output.replacingOccurrences(of: reference.path, with: "FOLDER"))
    expectSame(mirrored.errors, plain.errors)
  }

  @Test func mirrorLogIsRefusedInSafeMode() throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a);\n")
    let result = try work.shell("SELECT count(*) FROM mirror_log;\nSELECT 'not reached';\n", ["-safe"])
    #expect(result.code == 1)
    #expect(result.errors.contains("line 1: cannot use the mirror_log() function in safe mode"), "\(result)")
    #expect(!result.output.contains("not reached"))
  }
}
