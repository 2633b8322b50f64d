import Foundation
import TestSupport
import Testing

/// Tests the prompt at a real terminal.
@Suite(.serialized) struct PromptTests {
  private func start(_ arguments: [String], history: String) throws -> PseudoTerminal {
    try PseudoTerminal(ShellHarness.program, arguments, environment: ["SQLITE_HISTORY": history])
  }

  @Test func greetsAndPromptsAsSQLite3() throws {
    let folder = try TemporaryFolder()
    var screens: [String] = []
    for program in [Oracle.program, ShellHarness.program] {
      let terminal = try PseudoTerminal(program, [], environment: ["SQLITE_HISTORY": folder.path("history")])
      #expect(terminal.expect("sqlite> "))
      terminal.type("select 1,\r")
      #expect(terminal.expect("...> "))
      terminal.type("2;\r")
      #expect(terminal.expect("1|2"))
      #expect(terminal.expect("sqlite> "))
      terminal.type("selec;\r")
      #expect(terminal.expect("sqlite> "))
      terminal.type("\u{4}")
      #expect(terminal.exitCode() == 1)
      screens.append(terminal.screen)
    }
    #expect(screens[0] == screens[1])
  }

  @Test func controlCClearsTheLineAndTheStatement() throws {
    let folder = try TemporaryFolder()
    let terminal = try start([":memory:"], history: folder.path("history"))
    #expect(terminal.expect("sqlite> "))
    terminal.type("select\r")
    #expect(terminal.expect("...> "))
    terminal.type("nonsense")
    #expect(terminal.expect("nonsense"))
    terminal.type("\u{3}")
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 40+2;\r")
    #expect(terminal.expect("\n42\r\n"))
    #expect(terminal.expect("sqlite> "))
    terminal.type(".quit\r")
    #expect(terminal.exitCode() == 0)
  }

  @Test func controlCLeavesAllOfALongLine() throws {
    let folder = try TemporaryFolder()
    let terminal = try PseudoTerminal(
      ShellHarness.program, [":memory:"],
      environment: ["SQLITE_HISTORY": folder.path("history"), "TERM": "xterm", "NO_COLOR": "1"])
    terminal.resize(columns: 20, rows: 24)
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 'a long line of several rows'")
    #expect(terminal.expect("rows'"))
    let before = terminal.screen.count
    terminal.type("\u{3}")
    #expect(terminal.expect("^C"))
    #expect(terminal.expect("sqlite> "))
    // The next prompt is below, not above: nothing moves the cursor up.
    #expect(!terminal.screen.dropFirst(before).contains("\u{1b}[A"))
    terminal.type("select 6*7;\r")
    #expect(terminal.expect("42\r\n"))
    terminal.type("\r")
    #expect(terminal.expect("sqlite> "))
  }

  @Test func controlCStopsARunningStatement() throws {
    let folder = try TemporaryFolder()
    let terminal = try start([":memory:"], history: folder.path("history"))
    #expect(terminal.expect("sqlite> "))
    terminal.type("with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c;\r")
    #expect(terminal.expect("from c;\r\n"))
    #expect(terminal.isBusy())
    terminal.type("\u{3}")
    #expect(terminal.expect("Runtime error: interrupted (9)"))
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 40+2;\r")
    #expect(terminal.expect("\n42\r\n"))
    #expect(terminal.expect("sqlite> "))
    terminal.type(".exit 7\r")
    #expect(terminal.exitCode() == 7)
  }

  @Test func historyIsPrivateAndHoldsNoLineTwiceInARow() throws {
    let folder = try TemporaryFolder()
    let terminal = try start([":memory:"], history: folder.path("history"))
    for line in ["select 1;", "select 1;", "select 2;", ".quit"] {
      #expect(terminal.expect("sqlite> "))
      terminal.type(line + "\r")
    }
    #expect(terminal.exitCode() == 0)
    let text = String(decoding: try folder.read("history"), as: UTF8.self)
    #expect(text == "select 1;\nselect 2;\n.quit\n")
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("history"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test func tabCompletesTablesColumnsAndCommands() throws {
    let folder = try TemporaryFolder()
    let terminal = try start([":memory:"], history: folder.path("history"))
    #expect(terminal.expect("sqlite> "))
    terminal.type("create table walrus(tusk);\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("select tus\t from wal\t;\r")
    #expect(terminal.expect("select tusk  from walrus ;"))
    #expect(terminal.expect("sqlite> "))
    terminal.type(".databa\t\r")
    #expect(terminal.expect("main: \"\" r/w"))
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0)
  }
}
