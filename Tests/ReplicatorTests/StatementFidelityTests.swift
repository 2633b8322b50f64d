import Replicator
import Restore
import SQLite
import Testing

/// Tests that replays give the same content for all inputs from time, chance and session.
@Suite struct StatementFidelityTests {
  private func expectSameContent(_ sql: [String]) throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    for line in sql { try? fixture.run(line) }
    try fixture.close()
    let restored = try fixture.restore(.sql)
    #expect(try content(restored) == content(fixture.path))
  }

  @Test func givesTheSameTime() throws {
    try expectSameContent([
      "CREATE TABLE t(a, b DEFAULT CURRENT_TIMESTAMP, c AS (a || 'x'))",
      "INSERT INTO t(a) VALUES(strftime('%Y-%m-%d %H:%M:%f', 'now')), (julianday()), (unixepoch('now'))",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET b = strftime('%f', 'now') WHERE a = new.a; END",
      "INSERT INTO t(a) VALUES(datetime())",
    ])
  }

  @Test func drawsTheSameNumbers() throws {
    try expectSameContent([
      "CREATE TABLE t(a, b DEFAULT (random()))",
      "INSERT INTO t(a) VALUES(random()), (randomblob(20)), (hex(randomblob(3))), (abs(random() % 10))",
      "CREATE TABLE u AS SELECT * FROM t ORDER BY random()",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES(random(), 1); END",
      "INSERT INTO t(a) VALUES(1)",
      "BEGIN; INSERT INTO t(a) VALUES(random()); INSERT INTO t(a) VALUES(random()); COMMIT",
    ])
  }

  @Test func keepsTheSettingsOfTheSession() throws {
    try expectSameContent([
      "CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(b REFERENCES p ON DELETE CASCADE)",
      "INSERT INTO p VALUES(1), (2); INSERT INTO c VALUES(1), (2)", "DELETE FROM p WHERE a = 1",
      "PRAGMA foreign_keys=ON", "DELETE FROM p WHERE a = 2", "CREATE TABLE l(x)",
      "PRAGMA case_sensitive_like=ON", "INSERT INTO l SELECT 'a' LIKE 'A'",
    ])
  }

  @Test func forgetsWhatWasRolledBackAndKeepsPartialFailures() throws {
    try expectSameContent([
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE)",
      "BEGIN; INSERT INTO t VALUES(1, 1); SAVEPOINT s; INSERT INTO t VALUES(2, 2); ROLLBACK TO s;"
        + " INSERT INTO t VALUES(3, 3); RELEASE s; COMMIT",
      "INSERT OR FAIL INTO t VALUES(4, 4), (5, 3), (6, 6)",
      "BEGIN; INSERT OR FAIL INTO t VALUES(7, 7), (8, 3), (9, 9)", "INSERT INTO t VALUES(10, 10); COMMIT",
      "BEGIN; INSERT INTO t VALUES(11, 11); INSERT OR ROLLBACK INTO t VALUES(12, 3)",
      "INSERT INTO t VALUES(13, 13)", "BEGIN; INSERT INTO t VALUES(14, 14); ROLLBACK",
      "SAVEPOINT outermost; INSERT INTO t VALUES(15, 15); RELEASE outermost",
    ])
  }

  @Test func replaysWhatSQLiteCanDo() throws {
    try expectSameContent([
      "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('one two'), ('three')",
      "CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO w VALUES('k', 1)",
      "INSERT INTO w VALUES('k', 2) ON CONFLICT(a) DO UPDATE SET b = b + excluded.b",
      "CREATE TABLE n(i INTEGER PRIMARY KEY AUTOINCREMENT, t); INSERT INTO n(t) VALUES('x'), ('y'); DELETE FROM n",
      "INSERT INTO n(t) VALUES('z') RETURNING i", "ALTER TABLE n ADD COLUMN u DEFAULT 5",
      "ALTER TABLE n RENAME COLUMN t TO v", "VACUUM", "ANALYZE", "REINDEX", "PRAGMA user_version=77",
      "CREATE VIEW v AS SELECT * FROM n", "DROP TABLE w",
    ])
  }

  @Test func usesTheLogIfStatementsAreMissing() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
    let other = try Connection(fixture.path)
    try other.execute("INSERT INTO t VALUES(2)")
    other.close()
    try fixture.run("INSERT INTO t VALUES(3)")
    let source = try Connection(":memory:")
    try source.execute("CREATE TABLE t(a); INSERT INTO t VALUES(10)")
    try fixture.close()
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }
}
