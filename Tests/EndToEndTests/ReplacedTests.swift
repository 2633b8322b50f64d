import Foundation
import Glibc
import TestSupport
import Testing

/// Tests a restore that is slower than the writer, which merges and deletes objects that the restore
/// needs.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct ReplacedTests {
  private func slices(_ work: Workplace) throws -> Set<String> {
    try Set(
      FileManager.default.subpathsOfDirectory(atPath: work.replica.path(".")).filter { $0.contains("/wal/") })
  }

  private func write(_ numbers: ClosedRange<Int>, _ shell: RunningShell) throws {
    for number in numbers { try shell.type("INSERT INTO t VALUES(\(number));\n.mirror sync\n") }
    try shell.type("SELECT 'wrote \(numbers.upperBound)';\n")
    try #require(shell.expect("wrote \(numbers.upperBound)"), "\(shell.errors)")
  }

  /// Returns a restore that was stopped after planning, before it read a slice.
  private func stoppedRestore(_ work: Workplace, in folder: TemporaryFolder, _ words: String) throws
    -> RunningShell
  {
    for _ in 0..<20 {
      let restore = try RunningShell(
        ["-mirror", "off", "-bail", ":memory:"], environment: work.environment, in: folder)
      try restore.type(".restore \(words) --from \(work.replica.url) --output restored.db\n")
      let objects = folder.path("restored.db.restoring/objects")
      let end = Date().addingTimeInterval(20)
      while !FileManager.default.fileExists(atPath: objects), Date() < end { usleep(200) }
      #expect(Glibc.kill(restore.processID, SIGSTOP) == 0)
      let fetched = try FileManager.default.contentsOfDirectory(atPath: objects)
      if !fetched.contains(where: { $0.contains("wal") }) { return restore }
      // It was too quick.
      restore.kill()
      try FileManager.default.removeItem(atPath: folder.path("restored.db.restoring"))
    }
    throw CocoaError(.featureUnsupported)
  }

  @Test(arguments: ["wal", "wal --verify"]) func isRestoredAsItWasPlanned(_ words: String) throws {
    let work = try Workplace(.directory)
    _ = try sqlite3(
      "CREATE TABLE big(b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        + "INSERT INTO big SELECT randomblob(20000) FROM n; CREATE TABLE t(n)", work.folder.path("live.db"))
    let first = try work.start()
    try write(1...10, first)
    let planned = try slices(work)
    #expect(planned.count >= 10)

    let folder = try TemporaryFolder()
    let restore = try stoppedRestore(work, in: folder, words)
    try write(11...40, first)
    #expect(try first.end() == 0, "\(first.errors)")
    // A quarter of an hour later, replaced objects are deleted.
    let longAgo = Date().addingTimeInterval(-3600)
    for name in try FileManager.default.subpathsOfDirectory(atPath: work.replica.path("."))
    where name.hasPrefix("generations/") && name.contains("-") && !name.hasSuffix("wal")
      && !name.hasSuffix("sql")
    {
      try FileManager.default.setAttributes(
        [.modificationDate: longAgo], ofItemAtPath: work.replica.path(name))
    }
    let second = try work.start()
    var number = 40
    while try slices(work).intersection(planned).count > 1, number < 400 {
      number += 1
      try write(number...number, second)
    }
    #expect(try slices(work).intersection(planned).count <= 1)

    #expect(Glibc.kill(restore.processID, SIGCONT) == 0)
    #expect(try restore.end() == 0, "\(restore.errors)")
    #expect(restore.seen.contains("restored restored.db to transaction 10 "), "\(restore.seen)")
    let sum = "SELECT count(*), sum(n), (SELECT count(*) FROM big) FROM t"
    #expect(try sqlite3(sum, folder.path("restored.db")) == "10|55|3000\n")
    #expect(try sqlite3("PRAGMA integrity_check", folder.path("restored.db")) == "ok\n")
    #expect(try folder.contents().keys.sorted() == ["restored.db"])
    #expect(try second.end() == 0, "\(second.errors)")
  }
}
