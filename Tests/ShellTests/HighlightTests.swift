import Foundation
import TestSupport
import Testing

/// Colours and entries of several lines, at a real terminal.
@Suite(.serialized) struct HighlightTests {
  private func start(
    _ folder: TemporaryFolder, _ variables: [String: String] = [:], _ arguments: [String] = [":memory:"]
  ) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(
      ShellHarness.program, arguments,
      environment: [
        "SQLITE_HISTORY": folder.path("history"), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
        "NO_COLOR": "",
      ].merging(variables) { $1 })
    terminal.resize(columns: 80, rows: 24)
    return terminal
  }

  @Test func keywordsAreGreenWhileTheyAreTyped() throws {
    let terminal = try start(TemporaryFolder())
    #expect(terminal.expect("sqlite> "))
    terminal.type("select")
    #expect(terminal.expect("\u{1b}[0;32mselect\u{1b}[0m"))
    terminal.type(" 'a")
    #expect(terminal.expect("\u{1b}[0;31m'"))
    terminal.type("';\r")
    // Results are unchanged.
    #expect(terminal.expect("\ra\r\n"))
    #expect(terminal.expect("sqlite> "))
    terminal.type(".highlight off\r")
    #expect(terminal.expect("sqlite> "))
    let before = terminal.screen.count
    terminal.type("select 'b';\r")
    #expect(terminal.expect("\rb\r\n"))
    #expect(!terminal.screen.dropFirst(before).contains("\u{1b}[0;3"))
  }

  @Test(arguments: [["NO_COLOR": "1"], ["TERM": "dumb"], ["TERM": "vt100"]])
  func plainTerminalsStayPlain(variables: [String: String]) throws {
    let terminal = try start(TemporaryFolder(), variables)
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 'a';\r")
    #expect(terminal.expect(variables["TERM"] == "dumb" ? "\r\na\r\n" : "\ra\r\n"))
    #expect(!terminal.screen.contains("\u{1b}[0;3"))
  }

  @Test func aStatementOfSeveralLinesIsOneEntry() throws {
    let folder = try TemporaryFolder()
    var terminal = try start(folder, ["TERM": "dumb"])
    for line in ["select 1 -- one", "", ", 'a", "", "b';", "select 2;"] {
      #expect(terminal.expect("> "))
      terminal.type(line + "\r")
    }
    #expect(terminal.expect("\n2\r\n"))
    terminal.type("\u{1b}[A\u{1b}[A\r")
    #expect(terminal.expect("1|a\r\n\r\nb\r\n"))
    terminal.type("select (\r")
    #expect(terminal.expect("...> "))
    terminal.type("\u{3}")
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0)
    let one = "select 1 -- one\t\n\t\n, 'a\t\n\t\nb';\n"
    #expect(
      try String(decoding: folder.read("history"), as: UTF8.self) == one + "select 2;\n" + one + "select (\n")
    // The next shell reads it from the file.
    terminal = try start(folder, ["TERM": "dumb"])
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{1b}[A\u{1b}[A\r")
    #expect(terminal.expect("1|a\r\n\r\nb\r\n"))
  }
}
