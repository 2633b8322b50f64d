import Files
import Replicator
import ReplicaCatalog
import Restore
import SQLite
import Testing

/// Tests the recorded inputs of replays, source by source, and the barriers.
@Suite struct StatementReplayTests {
  private struct Replayed {
    let fixture: MirrorFixture
    let report: Restore.Report
    /// The sentence with the reason of the last barrier.
    var notice: String? { report.notices.first { $0.contains("come from the WAL") } }
  }

  /// Runs lines with the mirror on, restores both ways and compares.
  @discardableResult
  private func replay(_ lines: [String], prepare: (Connection) throws -> Void = { _ in }) throws -> Replayed {
    let fixture = try MirrorFixture()
    let connection = try fixture.open()
    for line in lines {
      try prepare(connection)
      try? fixture.run(line)
    }
    try fixture.close()
    let restored = try fixture.verify()
    return Replayed(fixture: fixture, report: restored)
  }

  private func expectReplayed(_ lines: [String], _ location: SourceLocation = #_sourceLocation) throws {
    #expect(try replay(lines).notice == nil, sourceLocation: location)
  }

  private func expectBarrier(
    _ reason: String, _ lines: [String], _ location: SourceLocation = #_sourceLocation
  ) throws {
    let notice = try replay(lines).notice
    #expect(notice?.contains(reason) == true, "\(notice ?? "no barrier")", sourceLocation: location)
  }

  // MARK: Recorded inputs

  @Test func givesRowNumbersAndCounts() throws {
    try expectReplayed([
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE l(x, y, z)",
      "INSERT INTO t(b) VALUES('x'), ('y'), ('z')", "BEGIN; INSERT INTO t(b) VALUES('lost'); ROLLBACK",
      "INSERT INTO l VALUES(last_insert_rowid(), changes(), total_changes())",
      "INSERT OR IGNORE INTO t VALUES(1, 'q')", "SELECT * FROM t",
      "INSERT INTO l VALUES(last_insert_rowid(), changes(), total_changes())",
      "CREATE TRIGGER r AFTER UPDATE ON t BEGIN INSERT INTO l VALUES(changes(), last_insert_rowid(), total_changes()); END",
      "BEGIN; INSERT INTO t(b) VALUES('undone'); DELETE FROM l; ROLLBACK; UPDATE t SET b = 'n'",
      "CREATE TABLE d(a DEFAULT (last_insert_rowid()), b DEFAULT (changes())); INSERT INTO d DEFAULT VALUES",
      "CREATE VIEW v AS SELECT total_changes() AS n; INSERT INTO l(x) SELECT n FROM v",
    ])
  }

  @Test func givesManyCountsOrNone() throws {
    let table = "CREATE TABLE t(a); CREATE TABLE l(x); INSERT INTO t VALUES(1), (2); UPDATE t SET a = 0"
    try expectReplayed([
      table,
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO l SELECT changes() FROM n",
    ])
    // Each row changes another number of rows, so that every answer differs.
    let trigger =
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = 1 WHERE rowid <= new.a; INSERT INTO l VALUES(changes()); END"
    try expectBarrier(
      "asked changes() too often",
      [
        table, trigger,
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t SELECT i FROM n",
      ])
  }

  @Test func bindsParametersAgainExactly() throws {
    let values: [Value] = [
      .real(0.1), .real(-0.0), .real(.greatestFiniteMagnitude), .real(.leastNonzeroMagnitude),
      .real(.infinity),
      .real(-.infinity), .real(1.7976931348623155e308), .real(2.2250738585072014e-308), .real(.nan),
      .real(1 / 3),
      .integer(.min), .integer(.max), .integer(-1), .null, .text("it's"),
      .text("zero\u{0}byte'\u{0}"), .text(""), .blob([]), .blob([0, 255, 39]), .text("é…😀"),
    ]
    for encoding in ["UTF-8", "UTF-16le"] {
      let fixture = try MirrorFixture()
      let connection = try fixture.open()
      try connection.execute("PRAGMA encoding='\(encoding)'; CREATE TABLE t(a, b, c)")
      let insert = try connection.prepare(
        "INSERT INTO t VALUES(:a, 10 -?1, ':a' || \"x?\" || $b::c(d)) -- ? :a".replacing(
          "\"x?\" || ", with: ""))
      for value in values {
        try insert.bind(value, at: 1)
        try insert.bind(value, at: 2)
        try insert.run()
        insert.reset()
      }
      let random = Seed(7)
      for _ in 0..<300 {
        try insert.bind(.real(Double(bitPattern: random.next())), at: 1)
        try insert.run()
        insert.reset()
      }
      try fixture.close()
      #expect(try fixture.verify().notices.allSatisfy { !$0.contains("come from the WAL") })
    }
  }

  /// SQLite draws random row numbers if the largest is in use, and a replay cannot repeat them.
  @Test(arguments: [
    ["INSERT INTO t(id) VALUES(9223372036854775807)", "INSERT INTO t(a) VALUES('drawn')"],
    ["INSERT INTO t(id) VALUES(9223372036854775807), (NULL)"],
    [
      "INSERT INTO t(a) VALUES(1)", "UPDATE t SET id = 9223372036854775807", "INSERT INTO u DEFAULT VALUES",
      "INSERT INTO t DEFAULT VALUES",
    ],
    [
      "INSERT INTO u(rowid) VALUES(9223372036854775807)", "ALTER TABLE u RENAME TO w",
      "INSERT INTO w(x) SELECT 1",
    ],
    [
      "INSERT INTO u(rowid) VALUES(9223372036854775807)",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u(x) VALUES(1); END",
      "INSERT INTO t(a) VALUES(1)",
    ],
    ["BEGIN; INSERT INTO t(id) VALUES(9223372036854775807); INSERT INTO t(a) VALUES('drawn'); COMMIT"],
    ["INSERT INTO f(rowid, x) VALUES(9223372036854775807, 'a')", "INSERT INTO f(x) VALUES('drawn')"],
  ]) func refusesRowNumbersDrawnAtRandom(_ lines: [String]) throws {
    try expectBarrier(
      "may have been drawn at random",
      ["CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE u(x); CREATE VIRTUAL TABLE f USING fts4(x)"]
        + lines)
  }

  @Test func knowsLargestRowsOfOthers() throws {
    // A row of an earlier session.
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "CREATE TABLE t(rowid, _rowid_, id INTEGER PRIMARY KEY); INSERT INTO t(id) VALUES(9223372036854775807)")
    try fixture.close()
    try fixture.open()
    try fixture.run("INSERT INTO t(rowid) VALUES('drawn')")
    try fixture.close()
    #expect(try fixture.verify().notices.contains { $0.contains("may have been drawn at random") })
    // A row of another connection.
    for isExplicit in [false, true] {
      let other = try MirrorFixture()
      try other.open()
      try other.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t(a) VALUES(1); INSERT INTO t(a) VALUES(1)")
      let second = try Connection(other.path)
      try second.execute("INSERT INTO t(id) VALUES(9223372036854775807)")
      second.close()
      try other.run(
        isExplicit ? "BEGIN; INSERT INTO t(a) VALUES('drawn'); COMMIT" : "INSERT INTO t(a) VALUES('drawn')")
      try other.close()
      #expect(
        try other.verify().notices.contains {
          $0.contains("another connection has used a table's largest row number")
        })
    }
  }

  @Test func replaysOrdinaryRowNumbers() throws {
    try expectReplayed([
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE w(k PRIMARY KEY, n) WITHOUT ROWID",
      "INSERT INTO w VALUES(9223372036854775807, 9223372036854775807)",
      "INSERT INTO t(a) VALUES(9223372036854775807)",
      "INSERT INTO w VALUES(1, 2); INSERT INTO t(a) VALUES(1)", "BEGIN; INSERT INTO t(a) VALUES(2); ROLLBACK",
      "INSERT INTO t(id) VALUES(9223372036854775806); INSERT INTO t(a) VALUES('the last')",
    ])
  }

  /// Generates random numbers with SplitMix64.
  private final class Seed {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }

  @Test func keepsSettingsThatChangeWithinATransaction() throws {
    try expectReplayed([
      "CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(b REFERENCES p); PRAGMA foreign_keys=ON",
      "BEGIN; PRAGMA defer_foreign_keys=ON; INSERT INTO c VALUES(1); INSERT INTO p VALUES(1); COMMIT",
      "CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 5 BEGIN INSERT INTO t VALUES(new.a + 1); END",
      "BEGIN; INSERT INTO t VALUES(1); PRAGMA recursive_triggers=1; INSERT INTO t VALUES(1); COMMIT",
      "PRAGMA recursive_triggers=0", "INSERT INTO t VALUES(2)",
    ])
  }

  /// A setting that ended by itself must not make a replay repeat another PRAGMA with a lasting
  /// effect.
  @Test func repeatsNoOtherPragma() throws {
    try replay([
      "CREATE TABLE t(a)", "PRAGMA defer_foreign_keys=1; DROP VIEW IF EXISTS v",
      "BEGIN; INSERT INTO t VALUES(1); PRAGMA query_only=1; COMMIT",
      "PRAGMA query_only=0; INSERT INTO t VALUES(2)",
    ])
  }

  @Test func keepsSwitches() throws {
    let fixture = try MirrorFixture()
    let connection = try fixture.open()
    try connection.execute(
      "CREATE TABLE t(a); CREATE TABLE l(x); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO l VALUES(new.a); END"
    )
    try connection.execute("INSERT INTO t VALUES(1)")
    connection.set("enable_trigger", false)
    try connection.execute("INSERT INTO t VALUES(2)")
    connection.set("dqs_dml", false)
    try? connection.execute("BEGIN; INSERT INTO t VALUES(\"text\"); INSERT INTO t VALUES(3); COMMIT")
    try? connection.execute("COMMIT")
    connection.set("enable_trigger", true)
    try connection.execute("INSERT INTO t VALUES(4)")
    try fixture.close()
    #expect(try fixture.verify().notices.allSatisfy { !$0.contains("come from the WAL") })
  }

  @Test func keepsTheEncoding() throws {
    try expectReplayed([
      "PRAGMA encoding='UTF-16be'; PRAGMA page_size=8192; CREATE TABLE t(a); INSERT INTO t VALUES(hex(CAST('é' AS BLOB)))"
    ])
  }

  @Test func commitsWhatVirtualTablesWriteAtTheEnd() throws {
    try expectReplayed([
      "CREATE VIRTUAL TABLE f USING fts3(x); CREATE VIRTUAL TABLE g USING fts5(x)",
      "BEGIN; INSERT INTO f VALUES('one'); COMMIT", "SAVEPOINT s; INSERT INTO g VALUES('two'); RELEASE s",
      "INSERT INTO f VALUES('three')",
    ])
  }

  // MARK: Failures

  @Test func forgetsWhatSurroundingsMadeFail() throws {
    try expectReplayed([
      "CREATE TABLE t(a)", "PRAGMA query_only=1", "BEGIN; INSERT INTO t VALUES(1); SELECT 1", "COMMIT",
      "PRAGMA query_only=0; INSERT INTO t VALUES(2)",
      "BEGIN; INSERT INTO t VALUES(3)", "PRAGMA query_only=1; INSERT INTO t VALUES(4)",
      "PRAGMA query_only=0; INSERT INTO t VALUES(5); COMMIT",
    ])
  }

  @Test func forgetsAnInterruptedStatement() throws {
    let fixture = try MirrorFixture()
    let connection = try fixture.open()
    try connection.execute("CREATE TABLE t(a); BEGIN")
    connection.setProgressHandler(every: 100) { true }
    try? connection.execute(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO t SELECT i FROM n")
    connection.setProgressHandler(every: 0, nil)
    try? connection.execute("COMMIT")
    try connection.execute("INSERT INTO t VALUES(7)")
    try fixture.close()
    #expect(try fixture.verify().notices.allSatisfy { !$0.contains("come from the WAL") })
  }

  @Test func keepsCommitsThatFailedAtFirst() throws {
    try expectReplayed([
      "CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(b REFERENCES p DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys=ON",
      "BEGIN; INSERT INTO c VALUES(1)", "COMMIT", "INSERT INTO p VALUES(1)", "COMMIT", "BEGIN", "VACUUM",
      "INSERT INTO p VALUES(2)",
      "SAVEPOINT s", "INSERT INTO p VALUES(3)", "ROLLBACK TO S", "COMMIT", "BEGIN; INSERT INTO p VALUES(9)",
      "ROLLBACK TO nothing", "SAVEPOINT a; DELETE FROM p", "SAVEPOINT \"A\"; DELETE FROM c",
      "ROLLBACK TO [a]", "ROLLBACK TO a",
      "RELEASE 'A'", "ROLLBACK TO a", "COMMIT",
    ])
  }

  // MARK: Barriers

  @Test func namesWhatOnlyTheSessionHas() throws {
    let table = "CREATE TABLE t(a); INSERT INTO t VALUES(1)"
    try expectBarrier(
      "temporary tables", [table, "CREATE TEMP TABLE \"q\"(x); INSERT INTO t SELECT count(x) FROM Q"])
    try expectBarrier("temporary Q", [table, "CREATE TEMP TABLE Q(x); INSERT INTO t SELECT count(*) FROM q"])
    try expectBarrier(
      "temporary tables",
      [table, "CREATE TEMP VIEW v AS SELECT a FROM main.t; INSERT INTO t SELECT a FROM V"])
    try expectBarrier(
      "temporary trigger",
      [
        table,
        "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = 5; END; INSERT INTO t VALUES(2)",
      ])
    try expectBarrier(
      "attached",
      [
        table,
        "ATTACH ':memory:' AS x; CREATE TABLE x.y(z); INSERT INTO y VALUES(1); INSERT INTO t SELECT z FROM y",
      ])
    try expectBarrier(
      "attached",
      [table, "ATTACH ':memory:' AS x; CREATE TABLE x.y(z); INSERT INTO t SELECT count(*) FROM y"])
    try expectBarrier(
      "PRAGMA optimize",
      [
        table, "CREATE INDEX i ON t(a); ANALYZE",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99) INSERT INTO t SELECT i FROM n; SELECT * FROM t WHERE a = 5; BEGIN; INSERT INTO t VALUES(1); PRAGMA optimize(-1); PRAGMA optimize(0xfffe); COMMIT",
      ])
    try expectBarrier("pragma_database_list", [table, "INSERT INTO t SELECT file FROM pragma_database_list"])
    try expectBarrier(
      "sqlite_version()",
      [table, "CREATE VIEW w AS SELECT sqlite_version() s", "INSERT INTO t SELECT s FROM w"])
    try expectBarrier(
      "schema was written",
      [
        table,
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = sql || ' '; INSERT INTO t VALUES(3)",
      ])
    try expectBarrier(
      "only reads",
      [
        "CREATE VIRTUAL TABLE f USING fts4(x); INSERT INTO f VALUES('a')", "INSERT INTO f VALUES('b')",
        "BEGIN; INSERT INTO f VALUES('c'); SELECT optimize(f) FROM f; COMMIT",
      ])
  }

  @Test func leavesTheSessionsOwnTablesOut() throws {
    try expectReplayed([
      "CREATE TABLE t(a); CREATE TEMP TABLE q(x); ATTACH ':memory:' AS m; CREATE TABLE m.y(z)",
      "BEGIN; INSERT INTO q VALUES(1); INSERT INTO m.y VALUES(2); INSERT INTO t VALUES(3); COMMIT",
      "ALTER TABLE t ADD COLUMN b; INSERT INTO t VALUES(1, 2)",
    ])
  }
}

extension MirrorFixture {
  /// Restores both ways and compares; throws if they differ.
  func verify() throws -> Restore.Report {
    var restore = Restore(ReplicaCatalog(store))
    restore.verifies = true
    restore.force = true
    return try restore.run(.sql, to: folder.path + "/verified.db")
  }
}
