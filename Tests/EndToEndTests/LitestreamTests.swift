import Foundation
import TestSupport
import Testing

/// Replicas of the real Litestream are read, and ours are read by it.
@Suite(.serialized, .enabled(if: Servers.areInstalled && Servers.hasLitestream)) struct LitestreamTests {
  /// Scripts that make the pages of a test: growing, changed in the middle, and made smaller by
  /// VACUUM.
  private static let steps = [
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b);",
    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<900) INSERT INTO t SELECT i, hex(randomblob(90)) FROM n;",
    "UPDATE t SET b = 'x' WHERE a % 40 = 0;", "DELETE FROM t WHERE a > 200;", "VACUUM;",
    "INSERT INTO t(b) VALUES('after');",
  ]

  private static let places: [Replica.Kind] = [.directory, .seaweed]

  @Test(arguments: [512, 4096, 65536], places)
  func readsWhatLitestreamWrote(_ pageSize: Int, _ kind: Replica.Kind) throws {
    let rig = try LitestreamRig(kind)
    let database = rig.folder.path("source.db")
    _ = try sqlite3("PRAGMA page_size=\(pageSize); PRAGMA journal_mode=WAL; CREATE TABLE first(x);", database)
    var dumps: [String] = []
    for step in Self.steps {
      _ = try sqlite3(step, database)
      try rig.litestream(["replicate", "-once", database, rig.litestreamURL])
      dumps.append(try sqlite3(".dump", database))
    }
    #expect(try rig.restored("--verify").dump == dumps.last)
    #expect(try rig.restored().bytes == rig.litestreamRestored().bytes)
    // Each written file is a state that can be restored.
    let last = try rig.lastTransaction()
    #expect(last >= UInt64(Self.steps.count))
    var seen: Set<String> = []
    for transaction in 1...last {
      let ours = try rig.restored("--to-txn \(transaction)")
      #expect(try ours.bytes == rig.litestreamRestored(["-txid", hexadecimal(transaction)]).bytes)
      seen.insert(try ours.dump)
    }
    #expect(dumps.allSatisfy(seen.contains))
  }

  @Test func readsWhatLitestreamMadeOfManyFiles() throws {
    let rig = try LitestreamRig(.directory)
    let database = rig.folder.path("source.db")
    _ = try sqlite3("PRAGMA journal_mode=WAL; CREATE TABLE t(a,b);", database)
    try rig.folder.write(
      """
      logging:
        level: error
      dbs:
        - path: \(database)
          replica:
            url: \(rig.litestreamURL)
            sync-interval: 200ms
      levels:
        - interval: 1s
        - interval: 3s
      snapshot:
        interval: 4s
      """, to: "litestream.yml")
    try rig.folder.write(
      """
      for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        sqlite3 \(database) "INSERT INTO t VALUES($i, hex(randomblob(3000)))"
        sleep 0.5
      done
      sqlite3 \(database) "DELETE FROM t WHERE a < 9; VACUUM"
      sleep 2
      """, to: "writes.sh")
    try rig.litestream([
      "replicate", "-config", rig.folder.path("litestream.yml"), "-exec",
      "sh \(rig.folder.path("writes.sh"))",
    ])
    let files = try FileManager.default.subpathsOfDirectory(atPath: rig.directory).filter {
      $0.hasSuffix(".ltx")
    }
    #expect(Set(files.map { $0.prefix(6) }).isSuperset(of: ["ltx/0/", "ltx/1/", "ltx/9/"]))
    let dump = try sqlite3(".dump", database)
    #expect(try rig.restored().dump == dump)
    // The plan shows what each level alone gives: no file appears twice, and few are read.
    let plan = try rig.shell(".restore wal --from \(rig.url) --output none.db --dry-run\n")
    #expect(plan.output.contains("file: ltx/9/"))
    // Without whole databases the other levels are enough; the first file always begins at 1.
    try FileManager.default.removeItem(atPath: rig.directory + "/ltx/9")
    #expect(try rig.restored("--verify").dump == dump)
    try FileManager.default.removeItem(atPath: rig.directory + "/ltx/0")
    let ours = try rig.restored()
    #expect(try ours.bytes == rig.litestreamRestored().bytes)
  }

  @Test(arguments: [512, 4096, 65536], places)
  func writesWhatLitestreamReads(_ pageSize: Int, _ kind: Replica.Kind) throws {
    let rig = try LitestreamRig(kind)
    let work = try Workplace(.directory)
    _ = try sqlite3("PRAGMA page_size=\(pageSize); CREATE TABLE first(x);", work.folder.path("live.db"))
    var told = try rig.export(work, Self.steps.joined(separator: "\n"))
    let dump = try sqlite3(".dump", work.folder.path("live.db"))
    #expect(told.hasPrefix("exported transaction "))
    #expect(try rig.litestreamRestored(["-integrity-check", "full"]).dump == dump)
    #expect(try rig.restored().dump == dump)
    // Transactions keep their numbers.
    #expect(try told.contains("exported transaction \(rig.lastTransaction()) "))

    let earlier = try LitestreamRig(kind)
    told = try earlier.export(work, "", "--to-txn 3")
    #expect(told.contains("exported transaction 3 "))
    let ours = try work.restore("wal", "--to-txn 3").ask(".dump")
    #expect(try earlier.litestreamRestored().dump == ours)
    #expect(ours != dump)
    #expect(try work.folder.contents().keys.allSatisfy { !$0.contains("exporting") })
  }

  @Test func litestreamContinuesFromTheExport() throws {
    let rig = try LitestreamRig(.directory)
    let work = try Workplace(.directory)
    try rig.export(work, "CREATE TABLE t(a); INSERT INTO t VALUES('ours');\n")
    let before = try rig.lastTransaction()
    let database = rig.folder.path("next.db")
    try rig.litestream(["restore", "-o", database, rig.litestreamURL])
    _ = try sqlite3("INSERT INTO t VALUES('theirs')", database)
    try rig.litestream(["replicate", "-once", database, rig.litestreamURL])
    #expect(try sqlite3("SELECT a FROM t", database) == "ours\ntheirs\n")
    #expect(try rig.lastTransaction() == before + 1)
    #expect(try rig.restored().dump == sqlite3(".dump", database))
    #expect(try rig.litestreamRestored().dump == sqlite3(".dump", database))
  }

  /// Litestream knows nothing of our keys.
  @Test func isNotEncryptedIfTheReplicaIs() throws {
    let rig = try LitestreamRig(.directory)
    let work = try Workplace(.directory)
    let key = ["S3_ENCRYPTION_KEY_COMMAND": "printf %064d 7"]
    let result = try work.shell(
      "CREATE TABLE t(a);\n.mirror export litestream \(rig.place)\n"
        + ".restore wal --from \(rig.url) --output back.db\n", ["-bail"], environment: key)
    #expect(
      result.code == 0 && result.errors.contains("is not encrypted: Litestream could not read it"),
      "\(result)")
    let dump = try sqlite3(".dump", work.folder.path("live.db"))
    #expect(try rig.litestreamRestored().dump == dump)
    #expect(try sqlite3(".dump", work.folder.path("back.db")) == dump)
  }

  @Test func restoresIntoTheOpenDatabase() throws {
    let rig = try LitestreamRig(.directory)
    let work = try Workplace(.directory)
    try rig.export(work, "CREATE TABLE t(a); INSERT INTO t VALUES('theirs');\n")
    let other = try Workplace(.directory)
    let script = "CREATE TABLE mine(a);\n.restore wal --from \(rig.url)\nSELECT name FROM sqlite_schema;\n"
    let refused = try other.shell(script)
    #expect(refused.errors.contains("not empty") && refused.output == "mine\n")
    let taken = try other.shell(
      script.replacingOccurrences(of: "CREATE", with: "CREATE TABLE IF NOT EXISTS z(a);--")
        .replacingOccurrences(of: "\(rig.url)\n", with: "\(rig.url) --force\nINSERT INTO t VALUES('mine');\n")
    )
    #expect(taken.output.hasSuffix("t\n"), "\(taken)")
    // It is another database than the replica's: only an order leaves that behind.
    #expect(taken.errors.contains("holds another database than"), "\(taken)")
    try other.succeed(".mirror on \(other.replica.url) --new-generation\n")
    #expect(try other.restore("wal").ask("SELECT a FROM t") == "theirs\nmine\n")
  }

  @Test func reportsWhichFileIsDamagedOrMissing() throws {
    let rig = try LitestreamRig(.directory)
    let database = rig.folder.path("source.db")
    _ = try sqlite3("PRAGMA journal_mode=WAL; CREATE TABLE t(a);", database)
    for step in 1...4 {
      _ = try sqlite3("INSERT INTO t VALUES(\(step))", database)
      try rig.litestream(["replicate", "-once", database, rig.litestreamURL])
    }
    let last = try rig.lastTransaction()
    let name = "ltx/0/\(hexadecimal(last))-\(hexadecimal(last)).ltx"
    let path = "\(rig.directory)/\(name)"
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for offset in [2, 20, 101, 120, whole.count / 2, whole.count - 30, whole.count - 3] {
      var damaged = whole
      damaged[offset] ^= 1
      try damaged.write(to: URL(fileURLWithPath: path))
      let failed = try rig.tryRestore()
      #expect(
        failed.result.code == 1 && failed.result.errors.contains("read \(name): "),
        "\(offset) \(failed.result)")
      #expect(try failed.folder.contents().isEmpty)
    }
    try whole.dropLast(20).write(to: URL(fileURLWithPath: path))
    #expect(try rig.tryRestore().result.errors.contains("read \(name): it is cut short"))
    try whole.write(to: URL(fileURLWithPath: path))
    let middle = hexadecimal(last - 1)
    try FileManager.default.removeItem(atPath: "\(rig.directory)/ltx/0/\(middle)-\(middle).ltx")
    #expect(try rig.tryRestore().result.errors.contains("transaction \(last - 1) is missing"))
    #expect(try rig.tryRestore("--to-txn \(last - 2)").result.code == 0)
    #expect(try rig.tryRestore("--to-txn 99").result.errors.contains("restore transaction 99: the files of"))
    #expect(try rig.tryRestore("--to-time 2020-01-01").result.errors.contains("nothing as old as"))
  }

  @Test func reportsWhatCannotBe() throws {
    let rig = try LitestreamRig(.directory)
    let work = try Workplace(.directory)
    try rig.export(work, "CREATE TABLE t(a);\n")
    func failure(_ script: String) throws -> String {
      let result = try work.shell(script + "\n", ["-bail"])
      #expect(result.code == 1)
      return result.errors
    }
    #expect(
      try failure(".restore sql --from \(rig.url) --output o.db")
        == "Error: a replica of Litestream has no statements: use .restore wal\n")
    #expect(try failure(".mirror export litestream \(rig.place)").contains("holds a replica of Litestream"))
    #expect(
      try failure(".mirror export tar \(rig.place)").contains(
        "unknown export format: \"tar\": use litestream"))
    let url = work.replica.url
    #expect(
      try failure(".restore wal --from litestream:\(url) --output o.db").contains("but one of this program"))
    #expect(
      try failure(".restore wal --from litestream:\(url)/none --output o.db").contains(
        "none holds no replica of Litestream\n"))
  }
}

private func hexadecimal(_ number: UInt64) -> String {
  let text = String(number, radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}
