import Foundation
import TestSupport
import Testing

/// Statements with misleading text: SQLite reports what they do.
@Suite struct StatementControlTests {
  private static let comment = "/*" + String(repeating: "x", count: 5000) + "*/"

  private static let scripts = [
    "BEGIN; SAVEPOINT s; INSERT INTO t VALUES(2);; ROLLBACK TO s; COMMIT;",
    "BEGIN; SAVEPOINT s; INSERT INTO t VALUES(2); \(comment) ROLLBACK TO s; COMMIT;",
    "BEGIN; \(comment) SAVEPOINT s; INSERT INTO t VALUES(2); -- \(comment)\n ; ROLLBACK TRANSACTION TO SAVEPOINT S; COMMIT;",
    "BEGIN; SAVEPOINT \"Ä\"; SAVEPOINT \"ä\"; INSERT INTO t VALUES(2); ROLLBACK TO \"Ä\"; INSERT INTO t VALUES(3); COMMIT;",
    "BEGIN; SAVEPOINT \"e\u{301}\"; SAVEPOINT \"\u{e9}\"; INSERT INTO t VALUES(2); ROLLBACK TO \"e\u{301}\"; COMMIT;",
    "BEGIN; SAVEPOINT [a b]; INSERT INTO t VALUES(2); SAVEPOINT `A B`; INSERT INTO t VALUES(3); ROLLBACK TO 'a B'; COMMIT;",
    "BEGIN; SAVEPOINT release; INSERT INTO t VALUES(2); RELEASE SAVEPOINT release; COMMIT;",
    "EXPLAIN PRAGMA recursive_triggers=1; CREATE TRIGGER g AFTER INSERT ON t WHEN new.a<9 BEGIN INSERT INTO t VALUES(new.a+1); END;\nINSERT INTO t VALUES(5);",
    "; PRAGMA recursive_triggers=1;\nCREATE TRIGGER g AFTER INSERT ON t WHEN new.a<9 BEGIN INSERT INTO t VALUES(new.a+1); END;\nINSERT INTO t VALUES(5);",
    "EXPLAIN BEGIN; INSERT INTO t VALUES(2); EXPLAIN SAVEPOINT s; BEGIN; INSERT INTO t VALUES(3); ROLLBACK; INSERT INTO t VALUES(4);",
    "BEGIN; EXPLAIN ROLLBACK; INSERT INTO t VALUES(2); EXPLAIN QUERY PLAN SELECT * FROM t; COMMIT;",
    "WITH x AS (SELECT 7) INSERT INTO t SELECT * FROM x; \(comment) DELETE FROM t WHERE a=7;",
    ";;; VACUUM;\nINSERT INTO t VALUES(2);",
  ]

  @Test(arguments: scripts.indices) func isReplayedAsItRan(_ index: Int) throws {
    let script =
      "CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n\(Self.scripts[index])\nINSERT INTO t VALUES('end');\n"
    let work = try Workplace(.directory)
    let typed = try work.shell(script, ["-bail"])
    #expect(typed.code == 0, "\(typed.errors)")
    let expected = try sqlite3("SELECT quote(a) FROM t", work.folder.path("live.db"))
    for source in ["wal", "sql"] {
      let restored = try work.restore(source)
      #expect(restored.result.code == 0, "\(restored.result)")
      #expect(try restored.ask("SELECT quote(a) FROM t") == expected)
      #expect(!restored.result.errors.contains("come from the WAL"), "\(restored.result.errors)")
    }
  }

  /// Statements that functions run cannot be told apart, so the transaction is a barrier.
  @Test(arguments: [
    "BEGIN; SAVEPOINT s; INSERT INTO t VALUES(2); SELECT hex(sha3_query('ROLLBACK TO s')) IS NULL; COMMIT;",
    "BEGIN; SELECT hex(sha3_query('SAVEPOINT s')) IS NULL; INSERT INTO t VALUES(2); ROLLBACK TO s; COMMIT;",
    "BEGIN; INSERT INTO t VALUES(2); SELECT hex(sha3_query('PRAGMA recursive_triggers=1')) IS NULL; COMMIT;",
  ])
  func isABarrierIfAFunctionRanIt(_ statements: String) throws {
    let work = try Workplace(.directory)
    let script =
      "CREATE TABLE t(a);\n\(statements)\nCREATE TRIGGER g AFTER INSERT ON t WHEN new.a<9 BEGIN INSERT INTO t VALUES(new.a+1); END;\n"
      + "INSERT INTO t VALUES(5);\n"
    let typed = try work.shell(script, ["-bail"])
    #expect(typed.code == 0, "\(typed.errors)")
    let expected = try sqlite3("SELECT quote(a) FROM t", work.folder.path("live.db"))
    let restored = try work.restore("sql")
    #expect(restored.result.code == 0, "\(restored.result)")
    #expect(try restored.ask("SELECT quote(a) FROM t") == expected)
  }

  @Test func aCommentDoesNotKeepTheJournalMode() throws {
    let work = try Workplace(.directory)
    let typed = try work.shell(
      "CREATE TABLE t(a);\n/* wal */ PRAGMA /* wal */ journal_mode=DELETE /* wal */;\n.mirror\n"
        + "PRAGMA journal_mode=WAL; INSERT INTO t VALUES(1);\n.mirror sync\n")
    #expect(typed.output.contains("delete\n"))
    #expect(typed.output.contains("mirror: off"), "\(typed)")
    #expect(typed.code == 0, "\(typed)")
    #expect(try work.restore("wal").ask("SELECT a FROM t") == "1\n")
  }
}
