import Foundation
import TestSupport
import Testing

/// The main job: type SQL, lose the database, get it back.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct RoundTripTests {
  private static let stores: [Replica.Kind] = [.seaweed, .rclone]

  @Test(arguments: stores, ["wal", "sql"])
  func bringsBackWhatAScriptMade(_ kind: Replica.Kind, source: String) throws {
    let reference = try TemporaryFolder()
    try reference.write(RichScript.csv, to: "people.csv")
    let expected = try ShellHarness.run(
      Oracle.program, ["live.db"], input: Data(RichScript.text.utf8), in: reference)
    let dump = try sqlite3(".dump", reference.path("live.db"))

    // Bucket and keys alone define the replica.
    let work = try Workplace(Replica(kind, ownBucket: true))
    try work.folder.write(RichScript.csv, to: "people.csv")
    let typed = try work.shell(RichScript.text)
    expectSame(typed.output, expected.output)
    // rclone ignores conditions, which is reported once.
    let told = typed.errors.split(separator: "\n", omittingEmptySubsequences: false)
    expectSame(
      told.filter { !$0.contains("ignores conditional writes") }.joined(separator: "\n"),
      expected.errors)
    #expect(
      (told.count > expected.errors.split(separator: "\n", omittingEmptySubsequences: false).count)
        == (kind == .rclone))
    #expect(typed.code == expected.code)
    expectSame(try sqlite3(".dump", work.folder.path("live.db")), dump)

    let elsewhere = try Workplace(work.replica)
    let restored = try elsewhere.shell(".restore \(source)\n.dump\n", ["-bail"])
    let complaints = restored.errors.split(separator: "\n").filter {
      !$0.contains("ignores conditional writes")
    }
    #expect(restored.code == 0 && complaints.isEmpty, "\(restored.errors)")
    #expect(restored.output.hasPrefix("restored "))
    let ours = restored.output.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    // sqlite3's own dump, below, has another order in other versions.
    let before = try ShellHarness.run(ShellHarness.program, [work.folder.path("live.db"), ".dump"]).output
    expectSame(String(try #require(ours.last)), before)
    expectSame(try sqlite3(".dump", elsewhere.folder.path("live.db")), dump)
    #expect(try sqlite3("PRAGMA integrity_check", elsewhere.folder.path("live.db")) == "ok\n")
    for pragma in ["user_version", "application_id"] where source == "wal" {
      #expect(
        try sqlite3("PRAGMA \(pragma)", elsewhere.folder.path("live.db"))
          == sqlite3("PRAGMA \(pragma)", work.folder.path("live.db")))
    }
  }

  @Test(arguments: Replica.Kind.allCases) func continuesFromARestoredDatabase(_ kind: Replica.Kind) throws {
    let work = try Workplace(kind)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('before');\n")
    try work.loseDatabase()
    try work.succeed(".restore wal\nINSERT INTO t VALUES('after');\n")
    #expect(try work.restore("wal").ask("SELECT a FROM t") == "before\nafter\n")
    #expect(try work.restore("sql").ask("SELECT a FROM t") == "before\nafter\n")
    #expect(try work.generationCount() == 1)
  }

  @Test func mirrorsADatabaseThatWasThereBefore() throws {
    let work = try Workplace(.seaweed)
    _ = try sqlite3(
      "CREATE TABLE t(a,b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<9999) "
        + "INSERT INTO t SELECT i, hex(i) FROM n", work.folder.path("live.db"))
    let result = try work.shell("UPDATE t SET b = 'x' WHERE a % 10 = 0;\n")
    #expect(result.code == 0)
    #expect(result.errors.contains("journal mode"))
    let dump = try sqlite3(".dump", work.folder.path("live.db"))
    #expect(try work.restore("wal").ask(".dump") == dump)
    #expect(try work.restore("sql").ask(".dump") == dump)
  }

  /// Statements that read what a replay lacks come from the WAL, or are replayed with it.
  @Test(arguments: ["wal", "sql"]) func bringsBackWhatCameFromATemporaryTable(_ source: String) throws {
    let work = try Workplace(.directory)
    try work.succeed(
      """
      CREATE TABLE t(a);
      CREATE TEMP TABLE passing(x); INSERT INTO passing VALUES(7);
      INSERT INTO t SELECT x FROM passing;
      INSERT INTO t VALUES(8);\n
      """)
    #expect(try work.restore(source).ask("SELECT a FROM t") == "7\n8\n")
  }

  @Test func replaysUnderTheSessionsSettingsFromALaterBaseOn() throws {
    let work = try Workplace(.directory)
    try work.succeed(
      """
      CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(of REFERENCES parent ON DELETE CASCADE);
      PRAGMA foreign_keys=ON;
      INSERT INTO parent VALUES(1),(2); INSERT INTO child VALUES(1),(2);
      .mirror snapshot
      DELETE FROM parent WHERE id = 1;\n
      """)
    #expect(try work.restore("sql").ask("SELECT of FROM child") == "2\n")
  }
}
