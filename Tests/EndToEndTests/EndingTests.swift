import Foundation
import Glibc
import TestSupport
import Testing

/// Ways out of the program: each writes the history and flushes the mirror.
@Suite(.serialized) struct EndingTests {
  /// Statements and slices that are not due for a long time.
  private static let slow = ["S3_SYNC_INTERVAL": "600"]

  private func expectAll(_ work: Workplace, rows: Int) throws {
    for source in ["wal", "sql"] {
      let restored = try work.restore(source)
      #expect(try restored.ask("SELECT count(*) FROM t") == "\(rows)\n", "\(source)")
      #expect(!restored.result.errors.contains("come from the WAL"), "\(restored.result.errors)")
    }
  }

  @Test(arguments: [SIGTERM, SIGHUP]) func aSignalEndsAScriptThatWaitsForInput(_ signal: Int32) throws {
    let work = try Workplace(.directory)
    let shell = try RunningShell(
      work.replica.arguments + ["live.db"], environment: work.environment.merging(Self.slow) { $1 },
      in: work.folder)
    try shell.type("CREATE TABLE t(a);\n")
    for number in 1...20 { try shell.type("INSERT INTO t VALUES(\(number));\n") }
    try shell.type("SELECT 'done';\n")
    #expect(shell.expect("done"))
    kill(shell.processID, signal)
    // As its parent asked: by that signal.
    #expect(shell.endedBySignal() == signal)
    try expectAll(work, rows: 20)
  }

  /// The current statement is stopped, and text typed after it does not run.
  @Test func aSignalEndsAScriptInTheMiddleOfAStatement() throws {
    let work = try Workplace(.directory)
    let shell = try work.start()
    try shell.type("CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\nSELECT 'running';\n")
    #expect(shell.expect("running"))
    try shell.type(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n;\n"
        + "INSERT INTO t VALUES('too late');\n")
    kill(shell.processID, SIGTERM)
    #expect(shell.endedBySignal() == SIGTERM)
    try expectAll(work, rows: 1)
  }

  private func terminal(_ work: Workplace) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(
      ShellHarness.program, work.replica.arguments + ["live.db"],
      environment: work.environment.merging(Self.slow) { $1 }, in: work.folder.path)
    #expect(terminal.expect("sqlite> "))
    terminal.type("create table t(a);\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("insert into t values(1);\r")
    #expect(terminal.expect("sqlite> "))
    return terminal
  }

  private func history(_ work: Workplace) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: work.home.path("history"))), as: UTF8.self)
  }

  @Test func controlCAtThePromptNeverEndsIt() throws {
    let work = try Workplace(.directory)
    let terminal = try terminal(work)
    for _ in 0..<5 {
      terminal.type("\u{3}")
      #expect(terminal.expect("Type .exit or press Ctrl-D to leave."), "\(terminal.screen)")
      #expect(terminal.expect("sqlite> "))
    }
    // With text, it clears the line and prints nothing.
    terminal.type("select nonsense")
    #expect(terminal.expect("nonsense"))
    terminal.type("\u{3}")
    #expect(terminal.expect("sqlite> "))
    terminal.type("insert into t values(2);\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0)
    #expect(try history(work).contains("insert into t values(2);"))
    try expectAll(work, rows: 2)
  }

  @Test(arguments: ["TERM", "HUP"]) func aSignalAtThePromptWritesTheHistory(_ signal: String) throws {
    let work = try Workplace(.directory)
    let terminal = try terminal(work)
    // The signal comes when the prompt is there again.
    terminal.type(".system (sleep 0.3; kill -\(signal) $PPID) &\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("select half a ")
    #expect(terminal.exitCode() != nil, "\(terminal.screen)")
    #expect(try history(work).contains("insert into t values(1);"))
    try expectAll(work, rows: 1)
  }
}
