import Foundation
import TestSupport
import Testing

/// State in a connection's memory, or of this connection only: a statement that depends on it is a
/// barrier.
@Suite struct SessionStateTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    /// Sessions of the shell, one after the other.
    let sessions: [String]
    /// Words of the last barrier's reason; nil if everything is replayed.
    let barrier: String?
    var options: [String] = []
    var testDescription: String { name }

    init(_ name: String, _ barrier: String?, _ sessions: String..., options: [String] = []) {
      self.name = name
      self.barrier = barrier
      self.sessions = sessions
      self.options = options
    }
  }

  private static let tables = """
    CREATE TABLE a(x,y); CREATE TABLE b(x,y); CREATE INDEX ax ON a(x); CREATE INDEX bx ON b(x); CREATE TABLE o(p,q);
    WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40) INSERT INTO a SELECT i%7,i FROM n;
    WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40) INSERT INTO b SELECT i%5,i FROM n;

    """
  /// Statistics decide which table comes first, and so the order of the rows.
  private static let join =
    "DELETE FROM o; INSERT INTO o SELECT a.y, b.y FROM a JOIN b ON a.x = b.x;\n"
  private static let edit =
    "UPDATE sqlite_stat1 SET stat = '1000000 1000000' WHERE tbl = 'a'; UPDATE sqlite_stat1 SET stat = '3 1' WHERE tbl = 'b';\n"
  private static let otherEdit =
    "UPDATE sqlite_stat1 SET stat = '3 1' WHERE tbl = 'a'; UPDATE sqlite_stat1 SET stat = '1000000 1000000' WHERE tbl = 'b';\n"

  private static let statistics = [
    Case("ANALYZE", nil, join + "ANALYZE;\n" + join, join),
    Case(
      "edited statistics, loaded by the next session", "are not those of the file", "ANALYZE;" + edit + join,
      join, otherEdit + join, join),
    Case(
      "ANALYZE sqlite_schema", "are not those of the file",
      "ANALYZE;\n" + edit + "ANALYZE sqlite_schema;\n" + join + otherEdit + "ANALYZE sqlite_master;\n" + join),
    Case(
      "ANALYZE makes up for it", "are not those of the file", "ANALYZE;\n" + edit + join + "ANALYZE;\n" + join
    ),
    Case(
      "ANALYZE that was rolled back", "were rolled back",
      "ANALYZE;\nBEGIN; DELETE FROM a WHERE y > 3; ANALYZE; ROLLBACK;\n" + join),
    Case(
      "ANALYZE that was rolled back to a savepoint", "were rolled back",
      "ANALYZE;\nBEGIN; SAVEPOINT s; DELETE FROM a WHERE y > 3; ANALYZE a; ROLLBACK TO s; COMMIT;\n" + join),
    Case(
      "statistics that were dropped", "are not those of the file", "ANALYZE;\n" + edit,
      "DROP TABLE sqlite_stat1;\n" + join),
    Case(
      "an index of which there are statistics", "are not those of the file",
      "DROP INDEX bx; ANALYZE; CREATE INDEX bx ON b(x); DROP INDEX ax;\n" + join, join),
    Case(
      "statistics before a base", "are not those of the file",
      "ANALYZE;\n" + edit + ".mirror snapshot\n" + join),
    Case(
      "statistics of another process", "may have changed the statistics",
      "ANALYZE; DELETE FROM a WHERE y > 2;\n.system sqlite3 live.db ANALYZE\n" + join),
    Case(
      "a mirror that begins late", "may not be those of the file",
      "ANALYZE;\n" + edit + ".mirror off\n.mirror on URL\n" + join),
    Case(
      "PRAGMA optimize that was rolled back", "were rolled back",
      "ANALYZE; INSERT INTO a SELECT value % 7, value FROM generate_series(1, 9000); SELECT count(*) FROM a WHERE x = 3;\nBEGIN; INSERT INTO o VALUES(1, 1); SELECT sha3_query('PRAGMA optimize') IS NULL; ROLLBACK;\n"
        + join),
  ]

  private static let writeSchema =
    "UPDATE sqlite_schema SET sql = 'CREATE TABLE o(p,q DEFAULT 99)' WHERE name = 'o';\n"
  private static let state =
    [
      Case(
        "a schema that was written", "the schema was written",
        ".dbconfig defensive off\nPRAGMA writable_schema=ON;\n" + writeSchema
          + "PRAGMA writable_schema=OFF; INSERT INTO o(p) VALUES(1);\n", "INSERT INTO o(p) VALUES(2);\n"),
      Case(
        "a schema that was written, .dbconfig", "the schema was written",
        ".dbconfig defensive off\n.dbconfig writable_schema on\n" + writeSchema
          + ".dbconfig writable_schema off\nINSERT INTO o(p) VALUES(1);\n.mirror snapshot\nINSERT INTO o(p) VALUES(2);\n"
      ),
      Case("several threads", "several threads sort", "PRAGMA threads=4;\n" + join),
      Case("a limit of threads", "several threads sort", ".limit worker_threads 4\n" + join),
      Case(
        "plans without parameters' values", nil,
        ".dbconfig enable_qpsg on\nANALYZE;\n.parameter init\n.parameter set :x 3\nINSERT INTO o SELECT x, y FROM a WHERE x > :x OR y = :x;\n"
      ),
      Case(
        "a VFS of the database's own", "is not watched",
        ".open file:live.db?vfs=unix-excl\nINSERT INTO o VALUES(julianday('now'), 1);\n"),
      Case(
        "a VFS for all", nil, "INSERT INTO o VALUES(julianday('now'), 1);\n", options: ["-vfs", "unix-excl"]),
      Case(
        "the database reset by a transaction without statements", "was to be reset",
        "CREATE VIRTUAL TABLE g USING fts4(x);\n.dbconfig reset_database on\nBEGIN IMMEDIATE; COMMIT;\n"),
      Case(
        "a query that writes, before a statement that changes nothing", "another connection or process",
        "CREATE VIRTUAL TABLE h USING fts3(x); CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO h VALUES('four 13'); INSERT INTO h VALUES('four 21');\nSELECT optimize(h) FROM h LIMIT 1; INSERT INTO f(f) VALUES('optimize');\nINSERT INTO o VALUES(1, 1);\n"
      ),
      Case(
        "a database that is reset", "was to be reset",
        ".dbconfig reset_database on\nVACUUM;\n.dbconfig reset_database off\nCREATE TABLE z(a); INSERT INTO z SELECT count(*) FROM sqlite_schema;\n",
        "INSERT INTO z VALUES(2);\n"),
      Case("a pragma that nobody knows", "PRAGMA foo was set", "PRAGMA foo=3; INSERT INTO o VALUES(1, 1);\n"),
      Case(
        "a column of a temporary table", "looks up names",
        ".dbconfig trusted_schema on\nCREATE VIEW v AS SELECT name, cid FROM pragma_table_info('a'); CREATE TEMP TABLE a(t, u, v); INSERT INTO o SELECT * FROM v;\n"
      ),
      Case(
        "an index of a temporary table", "looks up names",
        "CREATE TEMP TABLE z(t); CREATE INDEX temp.zi ON z(t); INSERT INTO o SELECT name, seqno FROM pragma_index_info('z' || 'i');\n"
      ),
      Case(
        "foreign keys of a temporary table", "looks up names",
        "CREATE TEMP TABLE m(k PRIMARY KEY); CREATE TEMP TABLE c(r REFERENCES m); INSERT INTO c VALUES(5); INSERT INTO o SELECT \"table\", id FROM pragma_foreign_key_list('c');\n"
      ),
      Case(
        "the table of parameters", "looks up names",
        ".parameter init\nINSERT INTO o SELECT name, cid FROM pragma_table_info('sqlite_' || 'parameters');\n"
      ),
      Case(
        "rows of the temporary schema", "temporary tables",
        ".parameter init\nINSERT INTO o SELECT count(*), 1 FROM sqlite_temp_schema;\n"),
      Case(
        "a rename beside the table of parameters", nil,
        ".parameter init\n.parameter set :x 1\nINSERT INTO o SELECT :x, 1; ALTER TABLE o RENAME TO o2;\n"),
      Case(
        "the tables of a module's schema", "looks up names",
        "CREATE TEMP TABLE a(t, u, v); INSERT INTO o SELECT shell_module_schema('a'), 1;\n"),
      Case(
        "collations", "pragma_collation_list", "INSERT INTO o SELECT name, seq FROM pragma_collation_list;\n"),
      Case(
        "the first use of a virtual table", nil,
        "INSERT INTO o SELECT value, 1 FROM generate_series(1, 3); VACUUM; INSERT INTO o VALUES(1, 1);\n"),
    ]

  private static let queries: [(text: String, barrier: String?)] = [
    ("PRAGMA cache_size", "PRAGMA cache_size"),
    ("ATTACH '':memory:'' AS other", "more than a query"),
    ("SELECT * FROM pragma_database_list", "pragma_database_list"),
    ("SELECT count(*) FROM pragma_function_list", "pragma_function_list"),
    ("PRAGMA data_version", "a value of the session"), ("SELECT count(*) FROM tt", "temporary tt"),
    ("SELECT * FROM sqlite_temp_schema", "temporary tables"), ("SELECT * FROM a", nil),
  ]

  /// A statement that follows one that changed nothing, so that the session looks at the database
  /// before it judges it.
  private static let nestedLater = Case(
    "sha3_query after a change of no rows", "more than a query",
    "UPDATE o SET p=1 WHERE 0;\nINSERT INTO o VALUES(hex(sha3_query('ATTACH '':memory:'' AS other')), 1);\n")

  private static let nestedInterrupted = Case(
    "sha3_query with a query that is interrupted", "whose query failed",
    "CREATE TABLE l AS SELECT value FROM generate_series(1, 300);\n.progress 100 --limit 1 --quiet --reset\nINSERT INTO o VALUES(hex(sha3_query('SELECT * FROM l ORDER BY 1; SELECT 2')), 1);\n.progress 0\n"
  )

  private static let nested = queries.map { query in
    Case(
      "sha3_query: \(query.text)", query.barrier,
      "PRAGMA cache_size=77; CREATE TEMP TABLE tt(k); INSERT INTO tt VALUES(1);\nINSERT INTO o VALUES(hex(sha3_query('\(query.text)')), 1);\n"
    )
  }

  @Test(arguments: statistics + state + nested + [nestedLater, nestedInterrupted])
  func givesTheSameContentOrSaysWhyNot(
    _ test: Case
  ) throws {
    let work = try Workplace(.directory)
    try work.succeed(Self.tables, test.options)
    for session in test.sessions {
      let typed = try work.shell(session.replacing("URL", with: work.replica.url), ["-bail"] + test.options)
      #expect(typed.code == 0, "\(typed)")
    }
    let live = try work.shell(".dump\n", ["-mirror", "off", "-readonly"]).output
    let restored = try work.restore("sql", "--no-verify")
    #expect(restored.result.code == 0, "\(restored.result)")
    #expect(try restored.ask(".dump") == live)
    let reason = restored.result.errors.split(separator: "\n").first { $0.contains("come from the WAL") }
    if let barrier = test.barrier {
      #expect(reason?.contains(barrier) == true, "\(reason ?? "no barrier")")
    } else {
      #expect(reason == nil, "\(reason ?? "")")
    }
  }

  /// `.mirror verify` replays from the first base, and from the base at which `.restore sql`
  /// starts.
  @Test func aProofStartsAtTheBaseOfARestore() throws {
    let work = try Workplace(.directory)
    let output = try work.succeed(Self.tables + ".mirror snapshot\n" + Self.join + ".mirror verify\n")
    #expect(output.contains("after the base at 7"), "\(output)")
    #expect(output.components(separatedBy: "give the same content as the log").count == 3, "\(output)")
  }
}
