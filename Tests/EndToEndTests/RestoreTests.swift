import Foundation
import TestSupport
import Testing

/// Restores of the built program, and proofs of its replicas.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct RestoreTests {
  private func make(_ kind: Replica.Kind) throws -> Workplace {
    let work = try Workplace(kind)
    try work.succeed(
      "CREATE TABLE t(a, b);\nINSERT INTO t VALUES(1, 'one');\n.mirror sync\nINSERT INTO t VALUES(2, 'two');\n"
        + ".mirror snapshot\nUPDATE t SET b = upper(b);\n")
    return work
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed], ["wal", "sql"])
  func provesWhatItRestored(_ kind: Replica.Kind, source: String) throws {
    let work = try make(kind)
    let planned = try work.restore(source, "--dry-run --verify")
    #expect(planned.result.code == 0, "\(planned.result.errors)")
    for line in ["would restore restored.db to transaction 4 (20", "disk space: ", "fetched: "] {
      #expect(planned.result.output.contains(line), "\(planned.result.output)")
    }
    #expect(try planned.folder.contents().isEmpty)
    let restored = try work.restore(source, "--verify")
    #expect(
      restored.result.output.contains("verified transaction 4: WAL and statements give the same content"))
    #expect(try restored.ask("SELECT * FROM t") == "1|ONE\n2|TWO\n")
    #expect(try Set(restored.folder.contents().keys) == ["restored.db"])
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func verifiesAReplica(_ kind: Replica.Kind) throws {
    let work = try make(kind)
    let proof = try work.succeed("INSERT INTO t VALUES(3, 'three');\n.mirror verify\n")
    #expect(
      proof.contains("the replica at transaction 5 equals the live database (1 tables, 3 rows"), "\(proof)")
    #expect(proof.hasSuffix("no fault found\n"))
    let other = try TemporaryFolder()
    func verify() throws -> ShellHarness.Result {
      try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", "-bail"],
        input: Data(".mirror verify --all --from \(work.replica.url)\n".utf8), in: other,
        environment: work.environment)
    }
    let alone = try verify()
    #expect(alone.code == 0, "\(alone)")
    #expect(try other.contents().isEmpty)
    guard kind == .directory else { return }
    let slice = try #require(try work.replica.objects().keys.filter { $0.contains("/wal/") }.max())
    try FileManager.default.removeItem(atPath: work.replica.path(slice))
    let damaged = try verify()
    #expect(damaged.code == 1)
    #expect(damaged.errors.contains("fault"), "\(damaged)")
  }

  @Test func listsWhatCanBeRestored() throws {
    let work = try make(.directory)
    let text = try work.succeed(".mirror list\n")
    #expect(text.contains("  transactions 0 to 4  20"), "\(text)")
    #expect(text.contains("  base 3  20"), "\(text)")
    let json = try JSONSerialization.jsonObject(with: Data(work.succeed(".mirror list --json\n").utf8))
    let generation = try #require((json as? [[String: Any]])?.first)
    let range = try #require((generation["ranges"] as? [[String: Any]])?.first)
    #expect(range["last_transaction"] as? Int == 4)
    #expect((generation["bases"] as? [[String: Any]])?.compactMap { $0["transaction"] as? Int } == [0, 3])
  }

  /// After a kill at any moment the old database is intact, and the next restore is right.
  @Test(arguments: ["wal", "sql"]) func survivesBeingKilled(_ source: String) throws {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    let work = try Workplace(.directory)
    try work.succeed(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b);\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        + "WHERE i < 60000) INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;\n.mirror snapshot\n"
        + (0..<40).map { "UPDATE t SET b = b || 'x' WHERE a % 400 = \($0);\n.mirror sync\n" }.joined())
    let expected = try sqlite3("SELECT count(*), sum(length(b)) FROM t", work.folder.path("live.db"))
    let other = try TemporaryFolder()
    // An old database that left its log behind.
    let leaving =
      ".filectrl persist_wal 1\nPRAGMA journal_mode=WAL; CREATE TABLE mine(x); INSERT INTO mine VALUES('old');\n"
    _ = try ShellHarness.run(Oracle.program, [other.path("old.db")], input: Data(leaving.utf8))
    #expect(try other.contents()["old.db-wal"]?.isEmpty == false)
    let command = ".restore \(source) --from \(work.replica.url) --output old.db --force\n"
    for _ in 0..<Seeded.rounds(6, 60) {
      let shell = try RunningShell(
        ["-mirror", "off", ":memory:"], script: command, environment: work.environment, in: other)
      Thread.sleep(forTimeInterval: Double.random(in: 0.01...0.6, using: &random))
      shell.kill()
      let tables = try sqlite3(".tables", other.path("old.db"))
      if tables == "mine\n" {
        #expect(try sqlite3("SELECT x FROM mine", other.path("old.db")) == "old\n", about)
      } else {
        #expect(
          try sqlite3("SELECT count(*), sum(length(b)) FROM t", other.path("old.db")) == expected, about)
      }
    }
    let last = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", ":memory:"], input: Data(command.utf8), in: other,
      environment: work.environment)
    #expect(last.code == 0, "\(last.errors) \(about)")
    #expect(try sqlite3("SELECT count(*), sum(length(b)) FROM t", other.path("old.db")) == expected, about)
    #expect(try other.contents().keys.allSatisfy { !$0.contains("restoring") })
  }

  /// One object of a replica is damaged at random, again and again; `Tests/Faults/damage.sh` runs
  /// many more.
  @Test func findsRandomDamage() throws {
    let seed = Seeded().seed
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Faults/damage.py").path
    let result = try ShellHarness.run(
      "python3", [script, ShellHarness.program, "\(seed)", "\(Seeded.rounds(20, 100))"], seconds: 600)
    #expect(result.code == 0, "seed \(seed): \(result.output) \(result.errors)")
  }
}
