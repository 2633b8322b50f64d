import Foundation
import TestSupport
import Testing

/// Starts that would leave stored commits behind are refused, and the user has a way on
/// (`Docs/Guide.md`, "When a start is refused").
@Suite(.enabled(if: Servers.areInstalled)) struct RefusedStartTests {
  private func count(_ text: String, in output: String) -> Int {
    output.components(separatedBy: text).count - 1
  }

  private func prepare() throws -> Workplace {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES(1);\n.mirror sync\nINSERT INTO t VALUES(2);\n")
    return work
  }

  /// The open database is set back; what the replica holds beyond it must not be lost.
  @Test(arguments: ["--to-txn 2 --force", "--to-txn 2 --force --verify"])
  func anEarlierStateIsNotMirroredOverALaterOne(
    _ options: String
  ) throws {
    let work = try prepare()
    let result = try work.shell(
      ".restore wal \(options)\nSELECT 'rows', count(*) FROM t;\nINSERT INTO t VALUES('lost?');\n.mirror sync\n"
    )
    #expect(result.code == 1)
    #expect(result.output.contains("live.db to transaction 2"), "\(result)")
    #expect(result.output.contains("rows|1\n"), "\(result)")
    #expect(count("is 1 transaction ahead of", in: result.errors) == 1, "\(result.errors)")
    #expect(result.errors.contains("--new-generation"))
    let kept = try work.restore("wal")
    #expect(try kept.ask("SELECT * FROM t") == "1\n2\n")
  }

  /// The message also comes at the end if nothing is typed after the restore.
  @Test func theRefusalIsPrintedOnceAtTheEnd() throws {
    let work = try prepare()
    let result = try work.shell(".restore wal --to-txn 2 --force\n")
    #expect(result.code == 1)
    #expect(count("is 1 transaction ahead of", in: result.errors) == 1, "\(result.errors)")
  }

  /// After a fork that the user ordered, the earlier state continues, and abandoned transactions
  /// can still be restored.
  @Test func aForkByOrderContinuesFromTheEarlierState() throws {
    let work = try prepare()
    let result = try work.shell(
      ".restore wal --to-txn 2 --force\n.mirror on \(work.replica.url) --new-generation\nINSERT INTO t VALUES('fork');\n"
        + ".mirror sync\n.mirror list\n")
    #expect(
      result.output.contains("a fork: transactions up to 3 of the generation before are left behind"),
      "\(result)")
    let restored = try work.restore("wal")
    #expect(try restored.ask("SELECT * FROM t") == "1\nfork\n")
    let left = try work.restore("wal", "--to-txn 3")
    #expect(try left.ask("SELECT * FROM t") == "1\n2\n")
  }

  /// A restore of the newest state does not go back to an earlier one.
  @Test func theNewestStateContinues() throws {
    let work = try prepare()
    try work.succeed(".restore wal --force\nINSERT INTO t VALUES(3);\n.mirror sync\n")
    let restored = try work.restore("wal")
    #expect(try restored.ask("SELECT * FROM t") == "1\n2\n3\n")
  }

  /// The rest of a log whose end was deleted is restored only on demand.
  @Test(arguments: ["wal", "sql"]) func aLostEndIsRestoredOnDemand(_ source: String) throws {
    let work = try prepare()
    let names = try work.replica.objects().keys.filter { $0.contains("/wal/") }.sorted()
    try FileManager.default.removeItem(atPath: work.replica.path(#require(names.last)))
    let refused = try work.restore(source)
    #expect(refused.result.code == 1)
    #expect(refused.result.errors.contains("--allow-shorter takes what is left"), "\(refused.result)")
    let shorter = try work.restore(
      source,
      "--allow-shorter --no-verify".replacingOccurrences(
        of: source == "wal" ? " --no-verify" : "", with: ""))
    #expect(try shorter.ask("SELECT * FROM t") == "1\n")
    #expect(
      shorter.result.output.contains("a slice was lost") || shorter.result.errors.contains("a slice was lost")
    )
  }

  /// The mark of the next generation names the end of the one before, and the lease that of the
  /// newest one.
  @Test(arguments: ["00000001", "00000002"]) func aLostEndOfAGenerationIsNoticedByItsName(_ number: String)
    throws
  {
    let work = try prepare()
    try work.succeed(".mirror on \(work.replica.url) --new-generation\nINSERT INTO t VALUES(3);\n")
    let slices = try work.replica.objects().filter {
      $0.key.contains("/\(number)-") && $0.key.contains("/wal/")
        && $0.value.starts(with: Data("SQLCS3W1".utf8))
    }.keys.sorted()
    let last = try #require(slices.last)
    let generation = String(last.split(separator: "/")[1])
    let whole = try work.restore("wal", "--generation \(generation)")
    #expect(whole.result.code == 0, "\(whole.result)")
    try FileManager.default.removeItem(atPath: work.replica.path(last))
    let refused = try work.restore("wal", "--generation \(generation)")
    #expect(refused.result.code == 1)
    let witness = number == "00000001" ? "chain/00000002.txt says" : "lease.txt says"
    #expect(refused.result.errors.contains(witness), "\(refused.result)")
    let verified = try work.shell(".mirror verify --all --from \(work.replica.url)\n", ["-mirror", "off"])
    #expect(verified.code == 1 && verified.output.contains("fault: "), "\(verified)")
    let shorter = try work.restore("wal", "--generation \(generation) --allow-shorter")
    #expect(try shorter.ask("SELECT count(*) FROM t") == (number == "00000001" ? "1\n" : "2\n"))
  }

  /// In `sync` a store that ignores conditions must be allowed by name.
  @Test(arguments: [[], ["-unfenced"]]) func syncNeedsAFencedStore(_ flag: [String]) throws {
    let work = try Workplace(.rclone)
    let result = try work.shell("CREATE TABLE t(a);\n", ["-durability", "sync"] + flag)
    #expect(result.code == (flag.isEmpty ? 1 : 0), "\(result)")
    #expect(result.errors.contains("ignores conditional writes"))
    #expect(result.errors.contains("unless you add --unfenced") == flag.isEmpty, "\(result.errors)")
  }

  /// `.mirror on URL --unfenced` does the same, and is remembered when the database is opened
  /// again.
  @Test func aStoreThatIgnoresConditionsIsAcceptedByCommand() throws {
    let work = try Workplace(.rclone)
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-durability", "sync", "-bail", "live.db"],
      input: Data(
        """
        CREATE TABLE t(a);
        .mirror on \(work.replica.url) --unfenced
        INSERT INTO t VALUES(1);
        .open live.db
        INSERT INTO t VALUES(2);
        .mirror sync

        """.utf8), in: work.folder, environment: work.environment)
    #expect(result.code == 0, "\(result)")
    let restored = try work.restore("wal")
    #expect(try restored.ask("SELECT * FROM t") == "1\n2\n")
  }
}
