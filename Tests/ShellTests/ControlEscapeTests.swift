import Bytes
import Foundation
import Render
import TestSupport
import Testing

/// Control characters of a result reach no terminal, unless the user asks for it.
@Suite struct ControlEscapeTests {
  private func escaped(_ text: String, _ escape: ControlEscape) -> String {
    let buffer = ByteBuffer()
    buffer.append(text)
    escape.apply(to: buffer)
    return buffer.string
  }

  @Test(arguments: [
    ("a\u{1b}[31mb", "a^[[31mb", "a\u{241b}[31mb"),
    ("\u{0}\u{7}\u{1f}\u{7f}", "^@^G^_^?", "\u{2400}\u{2407}\u{241f}\u{2421}"),
    ("a\tb\nc\r\nd", "a\tb\nc\r\nd", "a\tb\nc\r\nd"), ("a\rb", "a^Mb", "a\u{240d}b"),
    ("\u{9b}31m", "^[[31m", "\u{241b}[31m"), ("é\u{a0}日本", "é\u{a0}日本", "é\u{a0}日本"), ("", "", ""),
  ]) func replacesThem(_ text: String, _ ascii: String, _ symbol: String) {
    #expect(escaped(text, .ascii) == ascii)
    #expect(escaped(text, .symbol) == symbol)
    #expect(escaped(text, .off) == text)
  }

  private static let script = "SELECT 'a'||char(27)||'[31mb', char(7);\n"

  @Test(arguments: [
    "list", "line", "column", "table", "box", "markdown", "csv", "tabs", "html", "quote", "insert",
  ])
  func aPipeGetsThemAsTheyAreUntilTheModeSaysOtherwise(_ mode: String) throws {
    func run(_ option: String) throws -> String {
      try ShellHarness.run(
        ShellHarness.program, [":memory:"], input: Data(".mode \(mode)\(option)\n\(Self.script)".utf8)
      ).output
    }
    // Columns show blanks instead, as in sqlite3.
    if !["column", "table", "box", "markdown"].contains(mode) { #expect(try run("").contains("\u{1b}[31m")) }
    let ascii = try run(" --escape ascii")
    #expect(!ascii.contains("\u{1b}") && !ascii.contains("\u{7}") && ascii.contains("a^[[31mb"), "\(ascii)")
  }

  @Test func columnsStayStraight() throws {
    let result = try ShellHarness.run(
      ShellHarness.program, [":memory:", "-escape", "ascii", "-box"], input: Data(Self.script.utf8))
    let lines = result.output.split(separator: "\n")
    #expect(Set(lines.map(\.count)).count == 1, "\(result)")
  }

  @Test func anotherWordIsAnError() throws {
    let result = try ShellHarness.run(
      ShellHarness.program, [":memory:"], input: Data(".mode list --escape x\n".utf8))
    #expect(result.code == 1 && result.errors.contains("--escape takes ascii, symbol or off"))
  }

  @Test func aTerminalGetsNone() throws {
    let terminal = try PseudoTerminal(
      ShellHarness.program, [":memory:"], environment: ["SQLITE_HISTORY": "/dev/null", "TERM": "dumb"])
    #expect(terminal.expect("sqlite> "))
    terminal.type("select 'x'||char(27)||'[31my' as a;\n")
    #expect(terminal.expect("x^[[31my"), "\(terminal.screen)")

    terminal.type(".print \"p\\033[32mq\"\n")
    #expect(terminal.expect("p\u{1b}[32mq"), "\(terminal.screen)")
    terminal.type(".mode --escape off\nselect 'x'||char(27)||'[33my' as a;\n")
    #expect(terminal.expect("x\u{1b}[33my"), "\(terminal.screen)")
    terminal.type(".exit\n")
    #expect(terminal.exitCode() == 0)
  }
}
