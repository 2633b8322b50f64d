import Bytes
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import TestSupport
import Testing

/// Tests the rules by which statements are recorded and replayed.
@Suite struct ReplayRulesTests {
  private func restored(
    _ lines: [String], _ change: (MirrorFixture) -> Void = { _ in }
  ) throws -> (notice: String?, isSame: Bool, statements: Int) {
    let fixture = try MirrorFixture()
    change(fixture)
    try fixture.open()
    for line in lines { try fixture.run(line) }
    try fixture.close()
    var restore = Restore(ReplicaCatalog(fixture.store))
    restore.verifies = false
    let output = fixture.folder.path + "/r.db"
    let report = try restore.run(.sql, to: output)
    let notice = report.notices.first { $0.contains("come from the WAL") }
    return (notice, try content(output) == content(fixture.path), report.statements ?? 0)
  }

  /// Tests both sides of the limit, for SQLite's own text and for a parameter that is written out.
  @Test func aStatementThatIsTooLongIsABarrier() throws {
    let long = "INSERT INTO t VALUES('\(String(repeating: "x", count: 3 << 20))')"
    for (limit, isReplayed) in [(long.utf8.count, true), (long.utf8.count - 1, false)] {
      let (notice, isSame, statements) = try restored(["CREATE TABLE t(a)", long]) {
        $0.settings.longestStatement = limit
      }
      #expect(isSame)
      #expect(statements == (isReplayed ? 2 : 0))
      #expect((notice?.contains("longer than any that is recorded") == true) != isReplayed, "\(notice ?? "")")
    }
  }

  @Test func aShadowTableThatIsWrittenIsABarrier() throws {
    let table = "CREATE VIRTUAL TABLE v USING fts5(a); INSERT INTO v VALUES('x y')"
    let (notice, isSame, _) = try restored([table, "INSERT INTO v_config VALUES('x', 1)"])
    #expect(isSame && notice?.contains("a virtual table keeps its content in") == true, "\(notice ?? "")")
    let plain = try restored([table, "INSERT INTO v VALUES('z'); DELETE FROM v WHERE a = 'z'; DROP TABLE v"])
    #expect(plain.isSame && plain.notice == nil, "\(plain.notice ?? "")")
  }

  @Test func vacuumIsReplayed() throws {
    let (notice, isSame, _) = try restored([
      "CREATE TABLE t(a); INSERT INTO t VALUES(1)", "/* with a comment */ VACUUM", "VACUUM", "VACUUM main",
      "INSERT INTO t VALUES(2)",
    ])
    #expect(isSame && notice == nil, "\(notice ?? "")")
  }

  @Test func aConnectionThatDistrustsItsDatabaseCallsNoAddress() throws {
    let connection = try Connection(":memory:")
    try connection.distrustDatabase()
    for sql in [
      "SELECT fts3_tokenizer('simple')", "SELECT fts3_tokenizer('simple', x'4141414141414141')",
      "ATTACH '' AS x", "CREATE TABLE t(a CHECK(fts3_tokenizer(a) IS NULL)); INSERT INTO t VALUES('simple')",
    ] { #expect(thrown(SQLiteError.self) { try connection.execute(sql) } != nil, "\(sql)") }
  }

  @Test func aZoneNamesNoOtherFile() {
    for zone in [
      "Europe/Berlin", ":America/Argentina/Salta", "UTC0", "<+0330>-3:30", "CET-1CEST,M3.5.0,M10.5.0/3",
    ] {
      #expect(RecordedInputs.canHold(zone: zone), "\(zone)")
    }
    for zone in [
      "/dev/zero", ":/dev/zero", "../x", "a/../../x", ":..", "a b", String(repeating: "x", count: 300),
    ] {
      #expect(!RecordedInputs.canHold(zone: zone), "\(zone)")
    }
  }
}
