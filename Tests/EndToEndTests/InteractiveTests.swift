import Foundation
import TestSupport
import Testing

/// Tests the shell with a user at a terminal.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct InteractiveTests {
  private func open(_ work: Workplace) throws -> PseudoTerminal {
    try PseudoTerminal(
      ShellHarness.program, work.replica.arguments + [work.folder.path("live.db")],
      environment: work.environment)
  }

  @Test(arguments: Replica.Kind.allCases) func restoresWhatWasTyped(_ kind: Replica.Kind) throws {
    let work = try Workplace(kind)
    let terminal = try open(work)
    #expect(terminal.expect("sqlite> "), "\(terminal.screen)")
    terminal.type("CREATE TABLE t(a);\n")
    #expect(terminal.expect("sqlite> "))
    terminal.type("INSERT INTO t\n")
    #expect(terminal.expect("...> "))
    terminal.type("VALUES('typed');\n")
    #expect(terminal.expect("sqlite> "))
    terminal.type(".mirror sync\n")
    #expect(terminal.expect("sqlite> "))
    terminal.type("SELECT 'so ' || 'far';\n")
    #expect(terminal.expect("so far"))
    terminal.type(".exit\n")
    #expect(terminal.exitCode() == 0, "\(terminal.screen)")

    for source in ["wal", "sql"] {
      #expect(try work.restore(source).ask("SELECT a FROM t") == "typed\n")
    }
  }

  @Test func restoresIntoTheOpenDatabase() throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES('kept');\n")
    try work.loseDatabase()
    let terminal = try open(work)
    #expect(terminal.expect("sqlite> "))
    terminal.type(".restore wal\n")
    #expect(terminal.expect("restored "))
    #expect(terminal.expect("sqlite> "))
    terminal.type("SELECT 'is ' || a FROM t;\n")
    #expect(terminal.expect("is kept"), "\(terminal.screen)")
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0, "\(terminal.screen)")
  }

  @Test func keepsSecretsOutOfTheHistory() throws {
    let work = try Workplace(.rclone)
    let secret = try #require(work.environment["S3_SECRET_ACCESS_KEY"])
    let terminal = try open(work)
    #expect(terminal.expect("sqlite> "))
    terminal.type("SELECT 'remembered';\n")
    #expect(terminal.expect("sqlite> "))
    terminal.type(".mirror on s3://somekey:marker-secret@bucket/prefix\n")
    #expect(terminal.expect("Error: "))
    #expect(terminal.expect("sqlite> "))
    terminal.type(".exit\n")
    #expect(terminal.exitCode() != nil, "\(terminal.screen)")

    let files = try work.home.contents()
    let all = files.values.map { String(decoding: $0, as: UTF8.self) }.joined()
    #expect(all.contains("remembered"), "no history at all: \(files.keys)")
    #expect(!all.contains(secret))
    #expect(!all.contains("marker-secret"))
    #expect(!terminal.screen.contains(secret))
  }
}
