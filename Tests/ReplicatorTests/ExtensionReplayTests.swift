import Extensions
import Files
import Replicator
import ReplicaCatalog
import Restore
import SQLite
import Testing

/// Tests that replays know the shell's functions, and repeat no effects outside the database.
@Suite struct ExtensionReplayTests {
  private func fixture() throws -> MirrorFixture {
    let fixture = try MirrorFixture()
    try ExtensionTable.install(on: fixture.open())
    return fixture
  }

  @Test func replaysTheFunctionsOfTheShell() throws {
    let fixture = try fixture()
    try fixture.run(
      "CREATE TABLE t(a COLLATE decimal, b AS (sha3(a)) STORED, CHECK(a REGEXP '^[0-9.]+$')); CREATE INDEX i ON t(a)"
    )
    try fixture.run("INSERT INTO t SELECT decimal_mul(value, '1.5') FROM generate_series(1, 20)")
    try fixture.run("INSERT INTO t SELECT decimal_sum(a) FROM t")
    #expect(throws: SQLiteError.self) { try fixture.run("INSERT INTO t VALUES('x')") }
    try fixture.close()
    // If a statement could not be replayed, the restore would fail. It takes only the first
    // transaction from the log.
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
    #expect(try notices(fixture).isEmpty)
  }

  @Test func usesTheLogIfAFileWasRead() throws {
    let fixture = try fixture()
    let file = fixture.folder.path + "/input"
    try File(file, .create).write(Array("before".utf8), at: 0)
    try fixture.run("CREATE TABLE t(a)")
    try fixture.run("INSERT INTO t VALUES(readfile('\(file)'))")
    try fixture.run("INSERT INTO t VALUES(1)")
    try fixture.close()
    try File(file, .create).write(Array("after!".utf8), at: 0)
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
    #expect(try notices(fixture).contains { $0.contains("readfile()") })
  }

  @Test func usesTheLogIfAFolderWasListed() throws {
    let fixture = try fixture()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.run("BEGIN; INSERT INTO t SELECT name FROM fsdir('\(fixture.folder.path)'); COMMIT")
    try fixture.close()
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
    #expect(try notices(fixture).contains { $0.contains("fsdir") })
  }

  /// Returns the notices of a restore by statements about transactions from the log.
  private func notices(_ fixture: MirrorFixture) throws -> [String] {
    var restore = Restore(ReplicaCatalog(fixture.store))
    restore.force = true
    return try restore.run(.sql, to: fixture.folder.path + "/again.db").notices
  }
}
