import Foundation
import TestSupport
import Testing

/// Parameters are bound again with the same values, by a replay and by plain sqlite3.
@Suite struct ParameterReplayTests {
  private static let table =
    "CREATE TABLE t(a,b);\nINSERT INTO t VALUES(1,'b'),(2,'a'),(3,'c');\n.parameter init\n"

  private static let scripts = [
    ".parameter set :x 2\nCREATE TABLE o AS SELECT a, b FROM t ORDER BY :x;\nCREATE TABLE p AS SELECT a FROM t ORDER BY -a, :x;",
    ".parameter set :x 1\nCREATE TABLE o AS SELECT :x;\nCREATE TABLE p AS SELECT :x, $y::z(w), ?7, @q;",
    ".parameter set :x 1\nINSERT INTO t VALUES(\":x\", ':x');\nINSERT INTO t SELECT:x,-:x;",
    ".parameter set :n 2\nCREATE TABLE o AS SELECT * FROM t LIMIT :n;\nINSERT INTO t SELECT * FROM t LIMIT :n OFFSET :n;",
    ".parameter set :x 1\nCREATE TABLE o AS SELECT max(a) m FROM t GROUP BY :x;\nCREATE TABLE p AS SELECT:x;",
    ".parameter set ?3 three\n.parameter set ?1 one\n.parameter set $x::y(z) 4\nINSERT INTO t VALUES(?3, ?);\nINSERT INTO t VALUES(?, ?003||$x::y(z));",
    "REPLACE INTO temp.sqlite_parameters VALUES(':é','one'),(':e\u{301}','two'),('$a(''q)','w');\nINSERT INTO t VALUES(:é, :e\u{301});\nINSERT INTO t VALUES($a('q), :none);",
    ".parameter set :x 7\nBEGIN; INSERT INTO t VALUES(:x, 1);\n.parameter set :x 8\nINSERT INTO t VALUES(:x, 2); SAVEPOINT s; INSERT INTO t VALUES(:x, 3); ROLLBACK TO s; COMMIT;\n.parameter clear\nINSERT INTO t VALUES(:x, 5);",
    ".parameter set :x \"'a' || char(13, 10, 0, 1) || '.quit' || char(10) || '; DROP TABLE t;'\"\nINSERT INTO t VALUES(:x, hex(:x));",
    ".parameter set :x 0.1\n.parameter set ?2 \"X'00ff'\"\nINSERT INTO t VALUES(:x, ?2);\nUPDATE t SET a = -:x WHERE b IS ?2;\nDELETE FROM t WHERE a > :x;",
    ".parameter set :x zeroblob(1500000)\nINSERT INTO t VALUES(:x, '\(String(repeating: "y", count: 1_100_000))');\nDELETE FROM t WHERE a IS NOT :x;",
    "CREATE TABLE u(a INTEGER PRIMARY KEY);\n.parameter set :x 7\nBEGIN; INSERT INTO u VALUES(:x), (8); INSERT OR FAIL INTO u VALUES(9), (:x), (10); COMMIT;",
    [
      "-5, ''", "9223372036854775807, 'it''s'", "-9223372036854775807 - 1, NULL", "9e999, x''",
      "-0.5, '''tis'",
      "0, 'NULL'", "999999999999999999, char(13) || 'x'",
    ].map {
      "REPLACE INTO temp.sqlite_parameters SELECT ':x', column1 FROM (VALUES(\($0))) UNION ALL SELECT ':y', column2 "
        + "FROM (VALUES(\($0)));\nINSERT INTO t VALUES(:x, :y);\n"
    }.joined(),
  ]

  @Test(arguments: scripts.indices) func givesTheSameContent(_ index: Int) throws {
    let work = try Workplace(.directory)
    let typed = try work.shell(Self.table + Self.scripts[index] + "\nINSERT INTO t VALUES('end', 0);\n")
    #expect(typed.errors.isEmpty || typed.errors.contains("UNIQUE"), "\(typed.errors)")
    let dump = ".dump\n"
    let expected = try ShellHarness.run("sqlite3", [work.folder.path("live.db")], input: Data(dump.utf8))
      .output
    let restored = try work.restore("sql", "--no-verify")
    #expect(restored.result.code == 0, "\(restored.result)")
    #expect(!restored.result.errors.contains("come from the WAL"), "\(restored.result.errors)")
    #expect(try restored.ask(".dump") == expected)
    // The batches are scripts for any sqlite3.
    let plain = try TemporaryFolder()
    let place = try #require(URL(string: work.replica.url)).path
    let script = try ShellHarness.run(
      "/bin/sh",
      [
        "-c",
        "find '\(place)' -path '*/sql/*' -type f | sort | xargs zstd -dcq | sqlite3 plain.db >/dev/null",
      ],
      in: plain)
    #expect(!script.errors.contains("rror near") || script.errors.contains("UNIQUE"), "\(script.errors)")
    let found = try ShellHarness.run("sqlite3", [plain.path("plain.db")], input: Data(dump.utf8)).output
    #expect(found == expected)
  }

  @Test func aTextThatNoLineHoldsIsABarrier() throws {
    let work = try Workplace(.directory)
    let every = (1...31).map { "\($0)" }.joined(separator: ",")
    try work.succeed(Self.table + ".parameter set :x \"char(\(every))\"\nINSERT INTO t VALUES(:x, 1);\n")
    let restored = try work.restore("sql")
    #expect(restored.result.errors.contains("parameters that a script cannot give it"), "\(restored.result)")
    #expect(try restored.ask("SELECT length(a) FROM t WHERE b = 1") == "31\n")
  }

  @Test func theLogShowsTextAndValues() throws {
    let work = try Workplace(.directory)
    let output = try work.succeed(
      Self.table
        + ".parameter set :x \"'it''s'\"\nINSERT INTO t VALUES(:x, ?2);\nSELECT sql, parameters FROM mirror_log WHERE txn = 3;\n"
        + ".mirror log --grep \"VALUES.:x\"\n")
    #expect(output.contains("INSERT INTO t VALUES(:x, ?2);|:x='it''s', ?2=NULL\n"), "\(output)")
    #expect(output.contains("INSERT INTO t VALUES(:x, ?2);  -- :x='it''s', ?2=NULL\n"), "\(output)")
  }
}
