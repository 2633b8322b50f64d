import Foundation
import TestSupport
import Testing

/// `.restore all` brings a folder of databases back.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct RestoreAllTests {
  private func served(_ kind: Replica.Kind, _ names: [String]) throws -> ServiceRig {
    let rig = try ServiceRig(kind)
    for name in names {
      let path = rig.folder.path("dbs/" + name)
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      _ = try sqlite3("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES('\(name)')", path)
    }
    try rig.start()
    try #require(rig.logs("mirrored to", count: names.count), rig.log)
    #expect(try rig.stop() == 0, rig.log)
    return rig
  }

  private func restore(_ rig: ServiceRig, _ options: String = "") throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
      input: Data(".restore all --from \(rig.replica.url) --output back \(options)\n".utf8), in: rig.folder,
      environment: rig.environment, seconds: 60)
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func aFolderComesBack(_ kind: Replica.Kind) throws {
    let names = ["a.db", "below/b.sqlite", "below/deeper/c.db", "with space ~.db", "d.db", "e.db", "f.db"]
    let rig = try served(kind, names)
    let result = try restore(rig)
    #expect(result.code == 0, "\(result)")
    #expect(result.output.hasSuffix("restored 7 of 7 databases to back\n"), "\(result)")
    for name in names {
      #expect(
        try sqlite3("SELECT x FROM t; PRAGMA integrity_check", rig.folder.path("back/" + name))
          == "\(name)\nok\n")
    }
    // Nothing is replaced without an order.
    let again = try restore(rig)
    #expect(again.code == 1 && again.output.contains("restored 0 of 7 databases"), "\(again)")
    #expect(try restore(rig, "--force").code == 0)
  }

  @Test func oneThatFailsIsNamed() throws {
    let rig = try served(.directory, ["a.db", "b.db", "c.db"])
    let part = try #require(try rig.replica.objects().keys.first { $0.hasPrefix("b.db/pages/") })
    try FileManager.default.removeItem(atPath: rig.replica.path(part))
    let result = try restore(rig)
    #expect(result.code == 1)
    #expect(result.errors.contains("Error: restore back/b.db: "), "\(result)")
    #expect(result.errors.contains("Error: 1 of 3 databases were not restored"), "\(result)")
    #expect(result.output.hasSuffix("restored 2 of 3 databases to back\n"), "\(result)")
    #expect(try sqlite3("SELECT x FROM t", rig.folder.path("back/c.db")) == "c.db\n")
  }

  /// A replica is outside data: its path must not name a file of another database, or leave the
  /// folder.
  @Test(arguments: ["a.db-journal", "a.db-wal", "a.db-wal/x.db", "~2e~2e/x.db", "x~2fy.db", "x~00.db"])
  func pathsAreChecked(
    _ name: String
  ) throws {
    let rig = try served(.directory, ["a.db"])
    try FileManager.default.copyItem(atPath: rig.replica.path("a.db"), toPath: rig.replica.path("copy"))
    let target = rig.replica.path(name)
    try FileManager.default.createDirectory(
      atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.moveItem(atPath: rig.replica.path("copy"), toPath: target)
    let result = try restore(rig)
    #expect(result.code == 1 && result.errors.contains("Error: restore \(name): its name is "), "\(result)")
    #expect(result.output.hasSuffix("restored 1 of 2 databases to back\n"), "\(result)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: rig.folder.path("back")) == ["a.db"])
  }
}
