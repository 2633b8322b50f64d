import Foundation
import TestSupport
import Testing

/// Ctrl-C while something runs, at a real terminal.
@Suite(.serialized) struct InterruptTests {
  private let folder: TemporaryFolder
  private let terminal: PseudoTerminal

  init() throws {
    folder = try TemporaryFolder()
    terminal = try PseudoTerminal(
      ShellHarness.program, ["x.db"], environment: ["SQLITE_HISTORY": folder.path("history")], in: folder.path
    )
    #expect(terminal.expect("sqlite> "))
    terminal.type("create table t(a);\r")
    #expect(terminal.expect("sqlite> "))
  }

  /// Types a line that runs forever, waits until it runs, and presses Ctrl-C.
  ///
  /// `sign` is the line's first output, or with `isSilent` the echo of the line.
  private func stop(_ line: String, after sign: String, _ message: String? = nil, isSilent: Bool = true) {
    terminal.type(line + "\r")
    #expect(terminal.expect(sign), "\(terminal.screen)")
    if isSilent { #expect(terminal.isBusy()) }
    terminal.type("\u{3}")
    if let message { #expect(terminal.expect(message), "\(terminal.screen)") }
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 40+2;\r")
    #expect(terminal.expect("\n42\r\n"), "\(terminal.screen)")
    #expect(terminal.expect("sqlite> "))
  }

  private func leave(_ count: Int) {
    terminal.type("select 'rows', count(*) from t;\r")
    #expect(terminal.expect("\nrows|\(count)\r\n"), "\(terminal.screen)")
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() != nil)
  }

  @Test func stopsAnInsertAndTakesItBack() {
    stop(
      "insert into t with recursive c(x) as (select 1 union all select x+1 from c) select x from c;",
      after: "from c;\r\n", "Runtime error: interrupted (9)")
    leave(0)
  }

  @Test(arguments: ["trap '' INT; cat >/dev/null", "cat >/dev/null"])
  func stopsRowsOnTheirWayToThePager(_ pager: String) {
    terminal.type(".output \"|\(pager)\"\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("with recursive c(x) as (select 1 union all select x+1 from c) select x from c;\r")
    #expect(terminal.expect("from c;\r\n"))
    #expect(terminal.isBusy())
    terminal.type("\u{3}")
    #expect(terminal.expect("sqlite> "), "\(terminal.screen)")
    terminal.type(".output\r")
    #expect(terminal.expect("sqlite> "))
    leave(0)
  }

  @Test func stopsAnImportAndTakesItBack() {
    stop(".import '|yes' t", after: "t\r\n", "Error: interrupted, nothing was imported")
    leave(0)
  }

  @Test func leavesAnInterruptedImportToTheTransactionItIsIn() {
    terminal.type("begin; insert into t values(1);\r")
    #expect(terminal.expect("sqlite> "))
    stop(".import '|yes' t", after: "t\r\n", "Error: interrupted\r\n")
    terminal.type("rollback;\r")
    #expect(terminal.expect("sqlite> "))
    leave(0)
  }

  @Test func stopsADump() {
    terminal.type(
      "insert into t with recursive c(x) as (select 1 union all select x+1 from c limit 2000000) select x from c;\r"
    )
    #expect(terminal.expect("sqlite> ", seconds: 60))
    terminal.type(".dump\r")
    #expect(terminal.expect("INSERT INTO t VALUES(9);"))
    terminal.type("\u{3}")
    #expect(terminal.expect("ROLLBACK; -- due to errors"), "\(terminal.screen.suffix(300))")
    #expect(terminal.expect("sqlite> "))
    #expect(!terminal.screen.contains("VALUES(2000000)"))
    leave(2_000_000)
  }

  @Test func stopsAScript() throws {
    stop(".read '|while :; do echo \"select 1;\"; sleep 0.02; done'", after: "\r\n1\r\n", isSilent: false)
    leave(0)
  }

  @Test func stopsAProgramOfTheSystem() {
    stop(".system echo started; exec sleep 60", after: "\nstarted", "System command returns", isSilent: false)
    leave(0)
  }
}
