import Foundation
import TestSupport
import Testing

/// `.mirror verify` while a session writes: objects that are still on their way are no fault.
@Suite(.serialized) struct LiveProofTests {
  /// Statements are due ten times as late as slices.
  private func writer(_ work: Workplace) throws -> RunningShell {
    let shell = try RunningShell(
      work.replica.arguments + ["live.db"],
      environment: work.environment.merging(["S3_SYNC_INTERVAL": "2"]) { $1 }, in: work.folder)
    try shell.type("CREATE TABLE t(a);\n")
    for number in 1...5 { try shell.type("INSERT INTO t VALUES(\(number));\n.mirror sync\n") }
    // The first statements after quiet are sent at once; the next ones wait.
    for number in 6...9 { try shell.type("INSERT INTO t VALUES(\(number));\n") }
    try shell.type("SELECT 'written';\n")
    try #require(shell.expect("written"), "\(shell.errors)")
    return shell
  }

  @Test func knowsWhatTheSessionItselfHasOnItsWay() throws {
    let work = try Workplace(.directory)
    let shell = try writer(work)
    try shell.type(".mirror verify\n")
    #expect(shell.expect("\(work.replica.url): no fault found"), "\(shell.seen)")
    #expect(try shell.end() == 0)
  }

  @Test func knowsWhatAnotherProcessHasOnItsWay() throws {
    let work = try Workplace(.directory)
    let shell = try writer(work)
    let other = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
      input: Data(".mirror verify --from \(work.replica.url)\n".utf8), in: TemporaryFolder(),
      environment: work.environment)
    #expect(other.code == 0, "\(other)")
    #expect(try shell.end() == 0)
  }

  @Test func knowsWhatItsHolderHasOnItsWay() throws {
    let work = try Workplace(.directory)
    let shell = try writer(work)
    let standby = try work.shell("INSERT INTO t VALUES(10);\n.mirror verify\n", ["-bail"])
    #expect(standby.code == 0, "\(standby)")
    #expect(standby.output.contains("no fault found"))
    #expect(try shell.end() == 0)
  }

  /// No later session sends the statements that a killed program had not sent.
  @Test func reportsWhatAKilledProgramHasNotStored() throws {
    let work = try Workplace(.directory)
    let shell = try RunningShell(
      work.replica.arguments + ["-durability", "sync", "live.db"],
      environment: work.environment.merging(["S3_SYNC_INTERVAL": "100"]) { $1 }, in: work.folder)
    try shell.type("CREATE TABLE t(a);\n")
    for number in 1...9 { try shell.type("INSERT INTO t VALUES(\(number));\n") }
    try shell.type("SELECT 'written';\n")
    try #require(shell.expect("written"))
    shell.kill()
    let batches = try FileManager.default.subpathsOfDirectory(atPath: String(work.replica.url.dropFirst(7)))
      .filter { $0.contains("/sql/") }
    // Removes the last batch, as if it had not been sent.
    let last = try #require(batches.max())
    try FileManager.default.removeItem(atPath: work.replica.url.dropFirst(7) + "/" + last)
    let other = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
      input: Data(".mirror verify --from \(work.replica.url)\n".utf8), in: TemporaryFolder(),
      environment: work.environment)
    #expect(other.code == 1)
    #expect(other.output.contains("are missing: lost, or never uploaded"), "\(other)")
  }
}
