import Foundation
import TestSupport
import Testing

/// `.mirror log` tells what was done, in order, and finds what is asked for.
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

  @Test func tellsStatementsInOrder() throws {
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
}
