import Foundation
import TestSupport
import Testing

/// `.recover` and `.dbinfo`, which the installed sqlite3 cannot do: its library lacks a virtual
/// table that they need.
@Suite struct RecoverTests {
  private func run(_ arguments: [String], in folder: TemporaryFolder) throws -> ShellHarness.Result {
    try ShellHarness.run(ShellHarness.program, arguments, input: Data(), in: folder)
  }

  /// Returns the rows of a new database after reading a script.
  private func rows(_ script: String, _ query: String) throws -> String {
    let folder = try TemporaryFolder()
    let made = try ShellHarness.run("sqlite3", ["new.db"], input: Data(script.utf8), in: folder)
    #expect(made.errors.isEmpty)
    return try ShellHarness.run("sqlite3", ["new.db", query], input: Data(), in: folder).output
  }

  private func database(_ sql: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let made = try ShellHarness.run("sqlite3", ["x.db"], input: Data((sql + "\n").utf8), in: folder)
    #expect(made.errors.isEmpty)
    return folder
  }

  private func damage(_ folder: TemporaryFolder, _ body: (inout [UInt8]) -> Void) throws {
    var bytes = [UInt8](try folder.read("x.db"))
    body(&bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: folder.path("x.db")))
  }

  private static let sample = """
    PRAGMA page_size=512; PRAGMA user_version=7;
    CREATE TABLE t(a,b); INSERT INTO t VALUES(1,2),('x',x'00ff'),(3.5,'it''s'||char(10)||'x');
    CREATE INDEX i ON t(a); CREATE UNIQUE INDEX u ON t(b);
    CREATE TABLE k(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'q'); INSERT INTO k VALUES(5,'a'),(9,NULL);
    CREATE TABLE w(a,b,PRIMARY KEY(b,a)) WITHOUT ROWID; INSERT INTO w VALUES(1,2),(2,3);
    CREATE TABLE s(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO s VALUES(4);
    CREATE TABLE big(x); INSERT INTO big VALUES(hex(zeroblob(3000)));
    ALTER TABLE k ADD COLUMN n DEFAULT 77; INSERT INTO k VALUES(10,1,2);
    CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER r AFTER INSERT ON k BEGIN SELECT 1; END;

    """

  @Test func aHealthyDatabaseComesBackWhole() throws {
    let folder = try database(Self.sample)
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(result.errors.isEmpty && result.code == 0)
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(
      Array(lines.prefix(7)) == [
        "BEGIN;", "PRAGMA writable_schema = on;", "PRAGMA encoding = 'UTF-8';", "PRAGMA page_size = '512';",
        "PRAGMA auto_vacuum = '0';", "PRAGMA user_version = '7';", "PRAGMA application_id = '0';",
      ])
    for line in [
      "INSERT OR IGNORE INTO 't'(_rowid_, 'a', 'b') VALUES (2, 'x', X'00FF');",
      "INSERT OR IGNORE INTO 't'(_rowid_, 'a', 'b') VALUES (3, 3.5, replace('it''s\\nx','\\n', char(10)));",
      "INSERT OR IGNORE INTO 'k'('id', 'v') VALUES (9, NULL);",
      "INSERT OR IGNORE INTO 'k'('id', 'v', 'n') VALUES (10, '1', 2);",
      "INSERT OR IGNORE INTO 'w'('a', 'b') VALUES (1, 2);", "DELETE FROM sqlite_sequence;",
    ] {
      #expect(lines.contains(line))
    }
    let dump = try ShellHarness.run("sqlite3", ["x.db", ".dump"], input: Data(), in: folder).output
    let copied = try TemporaryFolder()
    _ = try ShellHarness.run("sqlite3", ["y.db"], input: Data(result.output.utf8), in: copied)
    let again = try ShellHarness.run("sqlite3", ["y.db", ".dump"], input: Data(), in: copied).output
    #expect(dump.split(separator: "\n").sorted() == again.split(separator: "\n").sorted())
  }

  @Test func rowsWithoutATableAreFound() throws {
    let folder = try database(
      "CREATE TABLE lost_and_found(z); CREATE TABLE t(a,b); INSERT INTO t VALUES(1,'one'),(2,'two');")
    // The schema's cells are gone; the pages of the table are not.
    try damage(folder) { $0.replaceSubrange(100..<4096, with: [13] + [UInt8](repeating: 0, count: 3995)) }
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(try rows(result.output, "SELECT nfield,id,c0,c1 FROM lost_and_found") == "2|1|1|one\n2|2|2|two\n")
    let named = try run(["x.db", ".recover --lost-and-found \"la f\""], in: folder)
    #expect(try rows(named.output, "SELECT c1 FROM \"la f\"") == "one\ntwo\n")
  }

  @Test func aTakenNameGetsANumber() throws {
    let folder = try database(
      ".dbconfig defensive off\nCREATE TABLE lost_and_found(z); CREATE TABLE t(a); INSERT INTO t VALUES(1);"
        + "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name='t';")
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(try rows(result.output, "SELECT c0 FROM lost_and_found_0") == "1\n")
  }

  @Test func aHeaderOfNoiseIsNoHindrance() throws {
    for size in [512, 4096, 65536] {
      let folder = try database(
        "PRAGMA page_size=\(size); CREATE TABLE t(a); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c"
          + " WHERE i<500) INSERT INTO t SELECT printf('%.300c',i) FROM c;")
      try damage(folder) { bytes in for index in 0..<100 { bytes[index] = UInt8(index * 37 % 251) } }
      let result = try run(["x.db", ".recover"], in: folder)
      #expect(result.output.contains("PRAGMA page_size = '\(size)';"))
      #expect(try rows(result.output, "SELECT count(*),count(DISTINCT rowid) FROM t") == "500|500\n")
    }
  }

  @Test func aWrongEncodingInTheHeaderIsSeenThrough() throws {
    for (encoding, wrong) in [("UTF-8", 2), ("UTF-16le", 3), ("UTF-16be", 1)] {
      let folder = try database(
        "PRAGMA encoding='\(encoding)'; CREATE TABLE t(a); INSERT INTO t VALUES('caf\u{e9}');")
      try damage(folder) { bytes in bytes[59] = UInt8(wrong) }
      let result = try run(["x.db", ".recover"], in: folder)
      #expect(result.output.contains("PRAGMA encoding = '\(encoding)';"))
      #expect(try rows(result.output, "SELECT a FROM t") == "caf\u{e9}\n")
    }
  }

  @Test func rowsBelowTheRootOfAnIndexAreFound() throws {
    let folder = try database(
      "PRAGMA page_size=512; CREATE TABLE t(a); CREATE INDEX i ON t(a);"
        + " CREATE TABLE w(k PRIMARY KEY,b,c) WITHOUT ROWID;"
        + " INSERT INTO w SELECT value,printf('%.60c',value),3 FROM generate_series(1,200);")
    let roots = try run(["x.db", "SELECT rootpage FROM sqlite_schema WHERE name IN('i','w')"], in: folder)
      .output.split(separator: "\n").compactMap { Int($0) }
    try #require(roots.count == 2)
    try damage(folder) { bytes in
      for offset in 0..<512 { bytes.swapAt((roots[0] - 1) * 512 + offset, (roots[1] - 1) * 512 + offset) }
    }
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(
      try rows(result.output, "SELECT count(DISTINCT c0) FROM lost_and_found WHERE nfield=3") == "200\n")
    #expect(result.output.contains("CREATE INDEX i ON t(a);"))
  }

  @Test func whatTheLogHoldsIsSeen() throws {
    let folder = try TemporaryFolder()
    let script = """
      PRAGMA journal_mode=wal; PRAGMA user_version=3; CREATE TABLE t(a); INSERT INTO t VALUES('in the log');
      .recover
      .dbinfo
      """
    let result = try ShellHarness.run(
      ShellHarness.program, ["x.db"], input: Data(script.utf8), in: folder)
    #expect(result.output.contains("VALUES (1, 'in the log');"))
    #expect(result.output.contains("user version:        3\n"))
    #expect(result.output.contains("number of tables:    1\n"))
  }

  @Test func aRingOfOverflowPagesEnds() throws {
    let folder = try database(
      "PRAGMA page_size=512; CREATE TABLE t(a); INSERT INTO t VALUES(hex(zeroblob(5000))),('after');")
    // Every overflow page leads to itself.
    try damage(folder) { bytes in
      for page in 2..<(bytes.count / 512) where bytes[page * 512 + 4] == UInt8(ascii: "0") {
        bytes[page * 512 + 3] = UInt8(page + 1)
      }
    }
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(try rows(result.output, "SELECT a FROM t WHERE rowid=2") == "after\n")
  }

  @Test func textWithAZeroByteAndInfinitiesComeBack() throws {
    let folder = try database(
      "CREATE TABLE t(a); INSERT INTO t VALUES(CAST(x'610062' AS TEXT)),(9e999),(-9e999);")
    let result = try run(["x.db", ".recover"], in: folder)
    #expect(
      try rows(result.output, "SELECT typeof(a)||hex(a) FROM t") == "text610062\nreal496E66\nreal2D496E66\n")
  }

  @Test func otherEncodingsComeBack() throws {
    for encoding in ["UTF-16le", "UTF-16be"] {
      let folder = try database(
        "PRAGMA encoding='\(encoding)'; CREATE TABLE t(a); INSERT INTO t VALUES('zażółć𝄞');")
      let result = try run(["x.db", ".recover"], in: folder)
      #expect(result.output.contains("PRAGMA encoding = '\(encoding)';"))
      #expect(try rows(result.output, "SELECT a FROM t") == "zażółć𝄞\n")
    }
  }

  @Test func anUnknownOptionIsAnError() throws {
    let folder = try TemporaryFolder()
    for option in ["--bogus", "x", "--lost-and-found"] {
      let result = try run([":memory:", ".recover \(option)"], in: folder)
      #expect(result.code == 1 && result.errors.hasPrefix("unexpected option: \(option)"))
    }
  }

  @Test func dbinfoShowsTheHeader() throws {
    let folder = try database(Self.sample)
    let result = try run(["x.db", ".dbinfo"], in: folder)
    for line in [
      "database page size:  512", "write format:        1", "reserved bytes:      0",
      "schema format:       4",
      "text encoding:       1 (utf8)", "user version:        7", "number of tables:    6",
      "number of indexes:   2", "number of triggers:  1", "number of views:     1",
    ] {
      #expect(result.output.contains(line + "\n"))
    }
    #expect(try run(["x.db", ".dbinfo nosuch"], in: folder).errors == "unable to read database header\n")
    let attached = try run([":memory:", "ATTACH 'x.db' AS y", ".dbinfo y"], in: folder)
    #expect(attached.output.contains("user version:        7\n"))
    _ = try folder.write(String(repeating: "no database ", count: 200), to: "bad.db")
    #expect(try run(["bad.db", ".dbinfo"], in: folder).errors == "error: file is not a database\n")
  }
}
