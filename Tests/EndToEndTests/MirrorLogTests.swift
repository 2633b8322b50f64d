import Foundation
import TestSupport
import Testing

/// Tests that `.mirror log` lists all statements in order, and finds the requested ones.
@Suite struct MirrorLogTests {
  private let script = """
    CREATE TABLE t(a UNIQUE);
    BEGIN;
    INSERT INTO t VALUES(1), (2);
    INSERT OR FAIL INTO t VALUES(7), (2);
    COMMIT;
    BEGIN; INSERT INTO t VALUES(50); ROLLBACK;
    UPDATE t SET a = a + 10;
    INSERT INTO t SELECT count(*) FROM pragma_database_list;

    """

  private func log(_ options: String) throws -> ShellHarness.Result {
    let folder = try TestSupport.TemporaryFolder()
    return try ShellHarness.run(
      ShellHarness.program, ["-mirror", "file://\(folder.url.path)/replica", "a.db"],
      input: Data((script + ".mirror log \(options)\n").utf8),
      in: folder)
  }

  @Test func listsStatementsInOrder() throws {
    let lines = try log("").output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 2) }
    #expect(lines.map { $0[1] } == ["1", "2", "2", "3", "4"])
    #expect(lines[2].last?.contains("failed (constraint failed)  INSERT OR FAIL") == true)
    #expect(lines[3].last?.contains("3 rows") == true)
    #expect(lines[4].last?.contains("unknown: a statement uses pragma_database_list") == true)
  }

  @Test func findsByTextAndTime() throws {
    let found = try log("--grep '^(UPDATE|CREATE)' --json").output.split(separator: "\n")
    #expect(found.count == 2)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(found[1].utf8)) as? [String: Any])
    #expect(object["sql"] as? String == "UPDATE t SET a = a + 10;")
    #expect(object["changes"] as? Int == 3)
    #expect(object["transaction"] as? Int == 3)
    #expect(object["duration_us"] is Int)
    #expect(try log("--since 2100-01-01").output.isEmpty)
    #expect(try log("--until 2001-01-01").output.isEmpty)
    #expect(try log("--grep (").errors.contains("unmatched '('"))
    #expect(try log("--nonsense").errors.contains("unknown option: --nonsense"))
  }

  // MARK: As a table

  private func query(_ sql: String, mirrored: Bool = true, _ options: [String] = []) throws
    -> ShellHarness.Result
  {
    let folder = try TestSupport.TemporaryFolder()
    let mirror = ["-mirror", mirrored ? "file://\(folder.url.path)/replica" : "off"]
    return try ShellHarness.run(
      ShellHarness.program, mirror + options + ["a.db"], input: Data((script + sql + "\n").utf8), in: folder)
  }

  @Test func givesSQLWhatItPrints() throws {
    let found = try query(
      "SELECT \"transaction\", statement, changes, error, sql, barrier, duration_us >= 0, length(session) FROM mirror_log;"
    )
    #expect(
      found.output == """
        1|1|0||CREATE TABLE t(a UNIQUE);||1|16
        2|1|2||INSERT INTO t VALUES(1), (2);||1|16
        2|2|1|19|INSERT OR FAIL INTO t VALUES(7), (2);||1|16
        3|1|3||UPDATE t SET a = a + 10;||1|16
        4|||||a statement uses pragma_database_list||16

        """)
    #expect(
      try query("SELECT count(DISTINCT session), min(time) <= max(time) FROM mirror_log;").output == "1|1\n")
  }

  @Test(arguments: [
    ("mirror_log('2100-01-01')", 0), ("mirror_log('2001-01-01', '2100-01-01')", 5),
    ("mirror_log(NULL, '2001-01-01')", 0),
    ("mirror_log WHERE txn = 2", 2), ("mirror_log WHERE \"transaction\" > 2", 2),
    ("mirror_log WHERE txn < 2", 1),
    ("mirror_log WHERE txn >= 1.5", 4), ("mirror_log WHERE txn BETWEEN 2 AND 3", 3),
    ("mirror_log WHERE txn < -1", 0),
    ("mirror_log WHERE time >= '2001-01-01'", 5), ("mirror_log WHERE time < '2100'", 5),
    ("mirror_log WHERE time = '2001-01-01'", 0), ("mirror_log WHERE time > '2100-01-01'", 0),
    // It does not have the column's form, so it is compared like any text.
    ("mirror_log WHERE time > substr('2001-01-01T12:00:00+12:00', 1, 25)", 5),
    ("mirror_log WHERE time <= strftime('%Y-%m-%d 00:00', 'now')", 0),
    ("mirror_log a WHERE time = (SELECT max(time) FROM mirror_log)", 1),
    ("(SELECT '2001-01-01' s) p, mirror_log(p.s)", 5), ("t, mirror_log(NULL, a) WHERE 0", 0),
  ]) func findsByBounds(_ source: String, _ count: Int) throws {
    #expect(try query("SELECT count(*) FROM \(source);").output == "\(count)\n")
  }

  @Test func reportsWhatIsWrong() throws {
    #expect(
      try query("SELECT * FROM mirror_log;", mirrored: false).errors.contains("no such table: mirror_log"))
    #expect(try query("SELECT * FROM mirror_log('soon');").errors.contains("not a time: soon"))
    #expect(
      try query("CREATE VIEW v AS SELECT * FROM mirror_log; SELECT * FROM v;").errors
        .contains("unsafe use of virtual table"))
    #expect(try query("SELECT * FROM mirror_log;", ["-safe"]).errors.contains("no such table: mirror_log"))
    #expect(
      try query("CREATE TABLE mirror_log(mine); SELECT * FROM mirror_log;").errors.contains("mirror_log")
        == false)
  }

  /// Its rows come from the store, so a replay cannot have them; it includes what is committed at
  /// that time.
  @Test func isABarrierForWhatWritesItDown() throws {
    let found = try query(
      """
      BEGIN; INSERT INTO t VALUES(300); INSERT INTO t SELECT 1000 + count(*) FROM mirror_log; COMMIT;
      SELECT max(a) FROM t;
      SELECT barrier FROM mirror_log WHERE txn = 5;
      """)
    #expect(found.output == "1005\na statement uses the virtual table mirror_log\n")
  }

  /// `.testctrl localtime_fault`: while local time fails, nothing can be repeated; afterwards the
  /// zone is recorded again.
  @Test func refusesWhileLocalTimeFails() throws {
    let place = try Workplace(.directory)
    let output = try place.shell(
      """
      CREATE TABLE t(a, b);
      .testctrl localtime_fault 1
      INSERT INTO t VALUES(1, datetime('now', 'localtime'));
      INSERT INTO t VALUES(2, 0);
      .testctrl localtime_fault 0
      INSERT INTO t VALUES(3, datetime('2020-07-01 12:00', 'localtime'));
      SELECT statement, barrier FROM mirror_log WHERE txn > 1;

      """, environment: ["TZ": "Asia/Kolkata"])
    #expect(output.output == "|local time fails by .testctrl\n1|\n")
    #expect(output.errors.contains("local time unavailable"))
    let restored = try place.shell(".restore sql --verify --output r.db\n", environment: ["TZ": "UTC0"])
    #expect(restored.output.contains("WAL and statements give the same content"), "\(restored)")
  }
}
