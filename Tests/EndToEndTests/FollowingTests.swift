import Foundation
import Glibc
import TestSupport
import Testing

/// Tests `.restore wal --follow` beside a shell that writes.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct FollowingTests {
  private func follow(_ work: Workplace) throws -> RunningShell {
    let follower = try RunningShell(
      ["-mirror", "off", "-bail", ":memory:"], environment: work.environment, in: work.folder)
    try follower.type(".restore wal --from \(work.replica.url) --follow --output copy.db\n.print 'went on'\n")
    return follower
  }

  private func waitFor(_ number: Int, _ work: Workplace, _ follower: RunningShell) throws {
    let end = Date().addingTimeInterval(60)
    while true {
      let found = try sqlite3("SELECT max(n) FROM t", work.folder.path("copy.db"))
      if found == "\(number)\n" { return }
      try #require(Date() < end, "\(number) is awaited, there is \(found) \(follower.errors)")
      usleep(50_000)
    }
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func keepsACopyCurrent(_ kind: Replica.Kind) throws {
    let work = try Workplace(kind)
    let writer = try work.start()
    try writer.type("CREATE TABLE t(n); INSERT INTO t VALUES(1);\n.mirror sync\nSELECT 'one';\n")
    #expect(writer.expect("one"))
    let follower = try follow(work)
    #expect(follower.line()?.contains("copy.db holds transaction 2 ") == true, "\(follower.errors)")
    try waitFor(1, work, follower)
    for n in 2...4 {
      try writer.type("INSERT INTO t VALUES(\(n));\n")
      try waitFor(n, work, follower)
    }
    // After a kill it continues, and so does the writer.
    follower.kill()
    writer.kill()
    try work.succeed("INSERT INTO t VALUES(5);\n")
    let second = try follow(work)
    #expect(second.line()?.contains("copy.db holds") == true, "\(second.errors)")
    try waitFor(5, work, second)
    #expect(Glibc.kill(second.processID, SIGINT) == 0)
    #expect(second.line()?.hasPrefix("copy.db holds transaction") == true)
    #expect(second.line() == "went on")
    #expect(try second.end() == 0, "\(second.errors)")
    #expect(try sqlite3("PRAGMA integrity_check", work.folder.path("copy.db")) == "ok\n")
    #expect(
      try !FileManager.default.contentsOfDirectory(atPath: work.folder.path).contains {
        $0.hasSuffix("-journal")
      })
  }

  @Test(arguments: ["sql --follow --output c.db", "wal --follow", "wal --follow --output c.db --to-txn 3"])
  func goesWithFewOptions(words: String) throws {
    let work = try Workplace(.directory)
    let result = try work.shell(".restore \(words)\n")
    #expect(result.code == 1)
    #expect(result.errors == "Error: --follow works only with wal, --output FILE, --from URL and --force\n")
  }
}
