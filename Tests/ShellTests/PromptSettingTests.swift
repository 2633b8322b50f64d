import Foundation
import TestSupport
import Testing

/// Prompts, the history file, the size of the window and the pager.
@Suite(.serialized) struct PromptSettingTests {
  private func start(_ folder: TemporaryFolder, _ environment: [String: String] = [:]) throws
    -> PseudoTerminal
  {
    let terminal = try PseudoTerminal(
      ShellHarness.program, [":memory:"],
      environment: ["SQLITE_HISTORY": folder.path("history")].merging(environment) { $1 }, in: folder.path)
    #expect(terminal.expect("sqlite> "))
    return terminal
  }

  private func leave(_ terminal: PseudoTerminal, _ code: Int32 = 0) {
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == code, "\(terminal.screen)")
  }

  @Test func changesBothPrompts() throws {
    let terminal = try start(try TemporaryFolder())
    terminal.type(".prompt 'main> ' 'more> '\r")
    #expect(terminal.expect("\nmain> "))
    terminal.type("select\r")
    #expect(terminal.expect("\nmore> "))
    terminal.type("7*6;\r")
    #expect(terminal.expect("\n42\r\nmain> "))
    leave(terminal)
  }

  @Test func bringsBackLinesOfTheSessionBefore() throws {
    let folder = try TemporaryFolder()
    let first = try start(folder)
    first.type("select 'kept' || 'line';\r")
    #expect(first.expect("keptline"))
    #expect(first.expect("sqlite> "))
    leave(first)
    let second = try start(folder)
    // Up, twice over the same line: the end of the history.
    second.type("\u{10}\u{10}\r")
    #expect(second.expect("\nkeptline\r\nsqlite> "), "\(second.screen)")
    leave(second)
    #expect(String(decoding: try folder.read("history"), as: UTF8.self) == "select 'kept' || 'line';\n")
  }

  @Test func writesNoHistoryIfThatIsNotAllowed() throws {
    let folder = try TemporaryFolder()
    let terminal = try start(folder, ["SQLITE_HISTORY": "/dev/null/history"])
    terminal.type("select 6*7;\r")
    #expect(terminal.expect("\n42\r\nsqlite> "))
    leave(terminal)
  }

  @Test func continuesAfterTheWindowChangedItsSize() throws {
    let terminal = try start(try TemporaryFolder(), ["TERM": "xterm"])
    terminal.type("select 'abc")
    #expect(terminal.expect("abc"))
    terminal.resize(columns: 30, rows: 10)
    terminal.type("def' || 'ghi';\r")
    #expect(terminal.expect("abcdefghi\r\n"), "\(terminal.screen)")
    #expect(terminal.expect("sqlite> "))
    leave(terminal)
  }

  @Test func showsResultsInAPager() throws {
    let terminal = try start(try TemporaryFolder())
    terminal.type(".once '|cat -n; echo paged'\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type("values('x'),('y');\r")
    #expect(terminal.expect("x\r\n"), "\(terminal.screen)")
    #expect(terminal.expect("y\r\npaged\r\nsqlite> "), "\(terminal.screen)")
    leave(terminal)
  }

  @Test(arguments: [".once '|head -n 1'", ".output '|head -n 1'"]) func outlivesAPagerThatWasLeft(
    _ line: String
  ) throws {
    let terminal = try start(try TemporaryFolder())
    terminal.type(line + "\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type(
      "with recursive c(x) as (select 1 union all select x+1 from c limit 300000) select x from c;\r")
    #expect(terminal.expect("\r\n1\r\n"), "\(terminal.screen)")
    #expect(terminal.expect("sqlite> "), "\(terminal.screen)")
    terminal.type("select 6*7;\r")
    #expect(terminal.expect("\n42\r\nsqlite> "), "\(terminal.screen)")
    leave(terminal)
  }

  @Test func endsWithAStatementHalfTyped() throws {
    for text in ["select 1", "select (", "select 'abc"] {
      var screens: [String] = []
      for program in [Oracle.program, ShellHarness.program] {
        let terminal = try PseudoTerminal(program, [":memory:"], environment: ["SQLITE_HISTORY": "/dev/null"])
        #expect(terminal.expect("sqlite> "))
        terminal.type(text + "\r")
        #expect(terminal.expect("...> "))
        terminal.type("\u{4}")
        screens.append("\(String(describing: terminal.exitCode())) \(terminal.screen)")
      }
      #expect(screens[0] == screens[1])
    }
  }
}
