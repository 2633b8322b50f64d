import Foundation
import Glibc
import TestSupport
import Testing

/// A restore destroys nothing: not files in use, not the targets of other users' links, and not the
/// session's state.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct RestoreSafetyTests {
  let work: Workplace
  /// The folder of `old.db`, with a table `mine`.
  let other: TemporaryFolder

  init() throws {
    work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('precious');\n")
    other = try TemporaryFolder()
  }

  private func run(_ script: String, _ arguments: [String] = ["-mirror", "off", "-bail", ":memory:"]) throws
    -> ShellHarness.Result
  {
    try ShellHarness.run(
      ShellHarness.program, arguments, input: Data(script.utf8), in: other, environment: work.environment)
  }

  private func restore(_ output: String, _ options: String = "--force") throws -> ShellHarness.Result {
    try run(".restore wal --from \(work.replica.url) --output \(output) \(options)\n")
  }

  private func makeOld(_ mode: String = "delete") throws {
    _ = try sqlite3("PRAGMA journal_mode=\(mode); CREATE TABLE mine(x)", other.path("old.db"))
  }

  private func status(_ name: String) throws -> stat {
    var status = stat()
    try #require(stat(other.path(name), &status) == 0)
    return status
  }

  enum Way: String, CaseIterable { case name, link, hardLink }

  static let uses: [(journal: String, statements: String)] = [
    ("wal", "SELECT * FROM mine;"), ("delete", "SELECT * FROM mine;"),
    ("delete", "BEGIN; SELECT * FROM mine;"),
    (
      "delete",
      "PRAGMA cache_size=1; BEGIN; INSERT INTO mine SELECT randomblob(9000) FROM generate_series(1,50);"
    ),
    ("delete", "PRAGMA locking_mode=EXCLUSIVE; INSERT INTO mine VALUES(1);"),
    ("wal", "PRAGMA locking_mode=EXCLUSIVE; INSERT INTO mine VALUES(1);"),
  ]

  @Test(arguments: Self.uses, Way.allCases) func doesNotReplaceWhatAnotherProcessUses(
    _ use: (journal: String, statements: String), _ way: Way
  ) throws {
    try makeOld(use.journal)
    let output = way == .name ? "old.db" : "other.db"
    if way == .link { try #require(symlink("old.db", other.path(output)) == 0) }
    if way == .hardLink { try #require(link(other.path("old.db"), other.path(output)) == 0) }
    let before = try status(output).st_ino
    let user = try RunningShell(["-mirror", "off", "old.db"], environment: work.environment, in: other)
    try user.type(use.statements + "\n.print ready\n")
    #expect(user.expect("ready"))
    let names = try other.contents().keys.sorted()
    let refused = try restore(output)
    #expect(refused.code == 1)
    #expect(refused.errors.contains("another process has it open"), "\(refused)")
    #expect(try status(output).st_ino == before)
    #expect(try other.contents().keys.sorted() == names)
    user.kill()
    // The journal, which is still there, rolls uncommitted changes back.
    #expect(
      try sqlite3("PRAGMA integrity_check; SELECT name FROM sqlite_master", other.path("old.db"))
        == "ok\nmine\n")
    #expect(try restore(output).code == 0)
    #expect(try sqlite3("SELECT * FROM t", other.path(output)) == "precious\n")
  }

  @Test func aLinkStaysAndItsFileIsReplaced() throws {
    try makeOld()
    try #require(symlink("old.db", other.path("link.db")) == 0)
    let refused = try restore("link.db", "")
    #expect(refused.code == 1 && refused.errors.contains("--force"), "\(refused)")
    #expect(try restore("link.db").code == 0)
    #expect(try sqlite3("SELECT * FROM t", other.path("old.db")) == "precious\n")
    var status = stat()
    #expect(lstat(other.path("link.db"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    try #require(symlink("new.db", other.path("dangling.db")) == 0)
    #expect(try restore("dangling.db", "").code == 0)
    #expect(try sqlite3("SELECT * FROM t", other.path("new.db")) == "precious\n")
  }

  @Test func nothingThroughAPlantedLink() throws {
    try FileManager.default.createDirectory(atPath: other.path("victim"), withIntermediateDirectories: true)
    try other.write("precious", to: "victim/database")
    try #require(symlink(other.path("victim"), other.path("new.db.restoring")) == 0)
    let refused = try restore("new.db")
    #expect(refused.code == 1 && refused.errors.contains("new.db.restoring"), "\(refused)")
    #expect(try other.contents().keys.sorted() == ["victim/database"])
    try other.write("precious", to: "file")
    try #require(symlink(other.path("file"), other.path("live.db-s3pos")) == 0)
    let unmirrored = try run("CREATE TABLE t(a);\n", ["-mirror", "file://\(other.path)/replica", "live.db"])
    #expect(unmirrored.errors.contains("live.db-s3pos"), "\(unmirrored)")
    try #require(symlink(other.path("file"), other.path("copy.db-s3follow")) == 0)
    let following = try restore("copy.db", "--follow")
    #expect(following.code == 1 && following.errors.contains("copy.db-s3follow"), "\(following)")
    #expect(try other.read("file") == Data("precious".utf8))
  }

  @Test(.enabled(if: geteuid() == 0)) func aFolderOfAnotherUserIsNotUsed() throws {
    let planted = other.path("new.db.restoring")
    try FileManager.default.createDirectory(atPath: planted, withIntermediateDirectories: true)
    try other.write("theirs", to: "new.db.restoring/database")
    try #require(chown(planted, 65534, 65534) == 0)
    let refused = try restore("new.db")
    #expect(refused.code == 1 && refused.errors.contains("belongs to another user"), "\(refused)")
    #expect(try other.contents().keys.sorted() == ["new.db.restoring/database"])
  }

  static let modes: [mode_t] = [0o600, 0o640, 0o444]

  @Test(arguments: ["wal", "sql"], Self.modes)
  func keepsOwnerAndPermissions(_ source: String, mode: mode_t) throws {
    try makeOld()
    let path = other.path("old.db")
    let owner: uid_t = geteuid() == 0 ? 65534 : geteuid()
    try #require(chown(path, owner, geteuid() == 0 ? 65534 : getegid()) == 0 && chmod(path, mode) == 0)
    let before = try status("old.db")
    // Only root can lock a file without write permissions.
    if mode == 0o444, geteuid() != 0 { return }
    let done = try run(".restore \(source) --from \(work.replica.url) --output old.db --force\n")
    #expect(done.code == 0, "\(done)")
    let after = try status("old.db")
    #expect(after.st_ino != before.st_ino)
    #expect(after.st_mode == before.st_mode)
    #expect(after.st_uid == before.st_uid && after.st_gid == before.st_gid)
  }

  @Test func whatIsNewIsForItsOwnerAlone() throws {
    #expect(try restore("new.db").code == 0)
    #expect(try status("new.db").st_mode & 0o777 == 0o600)
    let names = try FileManager.default.subpathsOfDirectory(atPath: work.replica.path(""))
    #expect(names.count > 5)
    for name in names + ["."] {
      var status = stat()
      #expect(stat(work.replica.path(name), &status) == 0 && status.st_mode & 0o077 == 0, "\(name)")
    }
    var status = stat()
    #expect(stat(work.folder.path("live.db-s3pos"), &status) == 0 && status.st_mode & 0o077 == 0)
  }

  @Test func endsNoTransactionOfTheSession() throws {
    let result = try work.shell(
      "BEGIN; INSERT INTO t VALUES('uncommitted');\n.restore wal --force\nCOMMIT;\nSELECT * FROM t;\n")
    #expect(result.code == 1)
    #expect(result.errors.contains("a transaction is open"), "\(result)")
    #expect(result.output == "precious\nuncommitted\n")
  }

  @Test func namesWhatGoesWithTheConnection() throws {
    let result = try work.shell(
      "ATTACH 'more.db' AS more; CREATE TEMP TABLE mine(a); CREATE TEMP VIEW seen AS SELECT 1;\n.restore wal --force\n",
      ["-bail"])
    #expect(result.code == 0, "\(result)")
    #expect(result.errors.contains("-- detached: more (FOLDER/more.db)"), "\(result)")
    #expect(result.errors.contains("-- TEMP dropped: mine, seen\n"), "\(result)")
  }

  /// The open database by another name is still the open database.
  @Test func knowsTheOpenDatabaseByALink() throws {
    try #require(symlink("live.db", work.folder.path("link.db")) == 0)
    let result = try work.shell(
      "INSERT INTO t VALUES('more');\n.mirror sync\n.restore wal --output link.db --force\nSELECT * FROM t;\n"
    )
    #expect(result.code == 0, "\(result)")
    #expect(result.output.hasSuffix("precious\nmore\n"), "\(result)")
    try #require(link(work.folder.path("live.db"), work.folder.path("hard.db")) == 0)
    let refused = try work.shell("SELECT 1;\n.restore wal --output hard.db --force\n")
    #expect(refused.code == 1 && refused.errors.contains("this session has it open"), "\(refused)")
  }

  /// The guard against an empty database over data has no more work once the data is back.
  @Test(arguments: ["wal", "sql"]) func aRescueEndsWell(_ source: String) throws {
    try work.loseDatabase()
    let result = try work.shell(
      "CREATE TABLE other(x);\n.restore \(source) --force\nSELECT * FROM t;\nINSERT INTO t VALUES('more');\n",
      ["-bail"])
    #expect(result.code == 0, "\(result)")
    #expect(result.output.hasSuffix("precious\n"), "\(result)")
    #expect(!result.errors.contains("not complete"), "\(result)")
    #expect(try work.restore("wal").ask("SELECT * FROM t") == "precious\nmore\n")
  }

  /// If the last slice is missing, the restore knows the end from the session, which recorded it.
  @Test(arguments: ["wal", "sql"]) func aLostEndIsReported(_ source: String) throws {
    try work.succeed("INSERT INTO t VALUES('more');\n")
    let slice = try #require(try work.replica.objects().keys.filter { $0.contains("/wal/") }.max())
    let batch = try #require(try work.replica.objects().keys.filter { $0.contains("/sql/") }.max())
    try FileManager.default.removeItem(atPath: work.replica.path(slice))
    try FileManager.default.removeItem(atPath: work.replica.path(batch))
    let refused = try work.restore(source)
    #expect(refused.result.code == 1 && refused.result.errors.contains("a slice was lost"), "\(refused)")
    let restored = try work.restore(source, "--allow-shorter")
    #expect(try restored.ask("SELECT * FROM t") == "precious\n")
    #expect(restored.result.errors.contains("a slice was lost"), "\(restored.result)")
    let verified = try work.restore(source, "--verify")
    #expect(verified.result.code == 1 && verified.result.errors.contains("a slice was lost"), "\(verified)")
    #expect(try verified.folder.contents().isEmpty)
    let proof = try run(".mirror verify --from \(work.replica.url)\n")
    #expect(proof.code == 1 && proof.errors.contains("1 fault found"), "\(proof)")
  }
}
