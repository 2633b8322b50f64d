import Foundation
import TestSupport
import Testing

/// The program is killed in the middle of its work.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct KillTests {
  /// Returns a script; each of its transactions adds the next number to both tables, and prints it.
  private static func script(from first: Int, count: Int) -> String {
    (first..<first + count).map { number in
      """
      BEGIN; INSERT INTO a VALUES(\(number), 'row \(number)');
      INSERT INTO b(n) VALUES(\(number)); COMMIT;
      SELECT \(number);\n
      """
    }.joined()
  }

  private static let count =
    "SELECT (SELECT count(*) FROM a), (SELECT max(n) FROM a), (SELECT sum(n) FROM a),"
    + "(SELECT count(*) FROM b), (SELECT max(n) FROM b), (SELECT sum(n) FROM b); PRAGMA integrity_check"

  /// Returns the number up to which both tables hold every transaction; nil if they are torn.
  private static func last(_ answer: String) -> Int? {
    let lines = answer.split(separator: "\n")
    guard lines.count == 2, lines[1] == "ok",
      let last = lines[0].split(separator: "|").first.flatMap({ Int($0) })
    else { return nil }
    let sum = last * (last + 1) / 2
    return lines[0] == "\(last)|\(last)|\(sum)|\(last)|\(last)|\(sum)" ? last : nil
  }

  /// Returns the content of the database, read from a copy, because the log must not change.
  private func lastInCopy(of work: Workplace) throws -> Int? {
    let copy = try TemporaryFolder()
    for name in ["live.db", "live.db-wal"] {
      try? FileManager.default.copyItem(atPath: work.folder.path(name), toPath: copy.path(name))
    }
    return try Self.last(sqlite3(Self.count, copy.path("live.db")))
  }

  @Test(arguments: Replica.Kind.allCases) func restoresTheStateAfterSomeCommit(_ kind: Replica.Kind) throws {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    let work = try Workplace(kind)
    try work.succeed(
      "CREATE TABLE a(n INTEGER PRIMARY KEY, t); CREATE TABLE b(n);\n" + Self.script(from: 1, count: 3))
    var committed = 3
    for _ in 0..<Seeded.rounds(5, 40) {
      let shell = try RunningShell(
        work.replica.arguments + ["live.db"], script: Self.script(from: committed + 1, count: 600),
        environment: work.environment.merging(["S3_SYNC_INTERVAL": "0.01"]) { $1 }, in: work.folder)
      let seen = committed + Int.random(in: 1...500, using: &random)
      #expect(shell.expect("\(seen)"), about)
      shell.kill()

      let now = try #require(try lastInCopy(of: work), about)
      #expect(now >= seen, about)
      for source in ["wal", "sql"] {
        let restored = try #require(
          try Self.last(work.restore(source).ask(Self.count)), "\(source), \(about)")
        #expect(restored <= now && restored >= committed, about)
      }
      // The next start continues.
      try work.succeed(Self.script(from: now + 1, count: 1))
      committed = now + 1
      for source in ["wal", "sql"] {
        let restored = try Self.last(work.restore(source).ask(Self.count))
        #expect(restored == committed, about)
      }
    }
    #expect(try work.generationCount() == 1, "a continuation began a new generation; \(about)")

    try work.loseDatabase()
    try work.succeed(".restore wal\n")
    let restored = try Self.last(sqlite3(Self.count, work.folder.path("live.db")))
    #expect(restored == committed, about)
  }

  @Test(arguments: Replica.Kind.allCases) func losesNothingAcknowledgedInSync(_ kind: Replica.Kind) throws {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    for _ in 0..<Seeded.rounds(2, 10) {
      let work = try Workplace(kind)
      let shell = try work.start(["-durability", "sync"] + (kind == .rclone ? ["-unfenced"] : []))
      try shell.type("CREATE TABLE a(n INTEGER PRIMARY KEY, t); CREATE TABLE b(n);\n")
      let acknowledged = Int.random(in: 1...25, using: &random)
      for number in 1...acknowledged {
        try shell.type(Self.script(from: number, count: 1))
        try #require(shell.expect("\(number)"), "\(shell.errors) \(about)")
      }
      // Perhaps another statement is on its way.
      if Bool.random(using: &random) { try shell.type(Self.script(from: acknowledged + 1, count: 1)) }
      shell.kill()
      try work.loseDatabase()
      let restored = try #require(
        try Self.last(work.restore("wal").ask(Self.count)), about)
      #expect(restored == acknowledged || restored == acknowledged + 1, about)
      try work.succeed(".restore wal\n")
      let again = try Self.last(sqlite3(Self.count, work.folder.path("live.db")))
      #expect(again == restored, about)
    }
  }

  /// The next start reads what the killed program had not uploaded from the log and the database
  /// file.
  ///
  /// A checkpoint at that moment changes that file.
  @Test func aCheckpointDuringTheReadOfAnOldLogSpoilsNothing() throws {
    for round in 0..<20 {
      let work = try Workplace(.directory)
      try work.succeed("CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 2);\n")
      let updates = (0..<20).map { "UPDATE t SET b=\($0); INSERT INTO u VALUES(\($0));\n" }.joined()
      _ = try work.shell(
        "CREATE TABLE u(a);\n\(updates).system kill -9 $PPID\n", environment: ["S3_SYNC_INTERVAL": "5"])
      try work.succeed(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<\(round * 600)) SELECT count(*) FROM n;
        PRAGMA wal_checkpoint;
        UPDATE t SET b=b+1;
        PRAGMA wal_checkpoint;\n
        """)
      try work.succeed("UPDATE t SET b=b+1;\n")
      let restored = try work.restore("wal")
      #expect(restored.result.code == 0, "round \(round): \(restored.result.errors)")
      #expect(try restored.ask("SELECT b, (SELECT count(*) FROM u) FROM t") == "21|20\n", "round \(round)")
    }
  }
}
