import Foundation
import TestSupport
import Testing

/// History is never destroyed by accident.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct ProtectionTests {
  enum Loss: CaseIterable { case missing, empty }

  @Test(arguments: Replica.Kind.allCases, Loss.allCases)
  func doesNotMirrorAnEmptyDatabaseOverData(_ kind: Replica.Kind, loss: Loss) throws {
    let work = try Workplace(kind)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('precious');\n")
    let before = try work.replica.objects()
    #expect(before.count > 3)

    try work.loseDatabase()
    if loss == .empty { try work.folder.write("", to: "live.db") }
    let result = try work.shell("CREATE TABLE other(x);\nSELECT 'goes on';\n")
    #expect(result.code == 1)
    #expect(result.output == "goes on\n")
    #expect(result.errors.contains("holds data"), "\(result.errors)")
    #expect(result.errors.contains(".restore wal"), "\(result.errors)")
    #expect(try work.replica.objects() == before)
    #expect(try work.restore("wal").ask("SELECT * FROM t") == "precious\n")
  }

  @Test func mirrorsAnEmptyDatabaseOverDataOnCommand() throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('old');\n")
    try work.loseDatabase()
    let url = work.replica.url
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", "live.db"],
      input: Data(
        ".mirror on \(url) --new-generation\nCREATE TABLE u(a);\nINSERT INTO u VALUES('new');\n".utf8),
      in: work.folder, environment: work.environment)
    #expect(result.code == 0, "\(result.errors)")
    #expect(try work.restore("wal").ask("SELECT * FROM u") == "new\n")
    #expect(try work.generationCount() == 2)
  }

  @Test(arguments: ["wal", "sql"]) func doesNotRestoreOverADatabaseWithTables(_ source: String) throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES(1);\n")
    let other = try TemporaryFolder()
    _ = try sqlite3("CREATE TABLE mine(x)", other.path("mine.db"))
    let before = try other.contents()
    func restore(_ options: String) throws -> ShellHarness.Result {
      try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", "mine.db"],
        input: Data(".restore \(source) --from \(work.replica.url) \(options)\n".utf8), in: other,
        environment: work.environment)
    }
    for options in ["", "--output mine.db"] {
      let refused = try restore(options)
      #expect(refused.code == 1)
      #expect(refused.errors.contains("--force"), "\(refused.errors)")
      #expect(try other.contents() == before)
    }
    let done = try restore("--force")
    #expect(done.code == 0, "\(done.errors)")
    #expect(try sqlite3(".tables", other.path("mine.db")) == "t\n")
  }

  /// A word that is no URL must not end a mirror that works.
  @Test func keepsTheMirrorWhenAnotherCannotBegin() throws {
    let work = try Workplace(.directory)
    let result = try work.shell(
      "CREATE TABLE t(a);\n.mirror on nonsense\nINSERT INTO t VALUES('after');\n")
    #expect(result.code == 1)
    #expect(try work.restore("wal").ask("SELECT a FROM t") == "after\n")
  }

  /// A database that is not the replica's is refused.
  ///
  /// By order it begins a generation, and both can be restored.
  @Test func refusesAnotherDatabaseUnlessOrdered() throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('old');\n")
    try work.loseDatabase()
    _ = try sqlite3("CREATE TABLE u(b); INSERT INTO u VALUES('other')", work.folder.path("live.db"))
    let refused = try work.shell("INSERT INTO u VALUES('not mirrored');\n")
    #expect(refused.code == 1 && refused.errors.contains("holds another database than"), "\(refused.errors)")
    #expect(refused.errors.contains("--new-generation"), "\(refused.errors)")
    #expect(try work.generationCount() == 1)
    let result = try work.shell(
      ".mirror on \(work.replica.url) --new-generation\nINSERT INTO u VALUES('more');\n")
    #expect(result.errors.contains("transactions up to 2 are left behind"), "\(result.errors)")
    #expect(try work.generationCount() == 2)
    #expect(try work.restore("wal").ask("SELECT * FROM u") == "other\nnot mirrored\nmore\n")
    #expect(try work.restore("wal", "--to-txn 2").ask("SELECT * FROM t") == "old\n")
  }

  private static let everything = """
    CREATE TABLE t(a); INSERT INTO t VALUES(1),(2);
    .shell ls -A
    PRAGMA journal_mode=wal;
    INSERT INTO t VALUES(3);
    .shell ls -A
    BEGIN; INSERT INTO t VALUES(4); ROLLBACK;
    .dump
    .shell ls -A\n
    """

  @Test func leavesNoFileOfItsOwnWithoutAMirror() throws {
    let (theirs, ours) = (try TemporaryFolder(), try TemporaryFolder())
    let home = try TemporaryFolder()
    let input = Data(Self.everything.utf8)
    let expected = try ShellHarness.run(
      Oracle.program, ["live.db"], input: input, in: theirs, environment: ["HOME": home.path])
    let actual = try ShellHarness.run(
      ShellHarness.program, ["live.db"], input: input, in: ours, environment: ["HOME": home.path])
    #expect(actual == expected, "\(Oracle.difference(expected, actual))")
    #expect(try ours.contents().keys.sorted() == theirs.contents().keys.sorted())
    #expect(try home.contents().isEmpty)
  }
}
