import Foundation
import Shell
import TestSupport
import Testing

/// Bars for long work.
@Suite struct ProgressTests {
  private func line(_ done: Int, of total: Int?, after seconds: Double, width: Int = 80) -> String {
    ProgressBar(title: "restore", done: done, total: total, seconds: seconds).line(width: width)
  }

  @Test func showsBytesRateAndTimeLeft() {
    #expect(
      line(250_000_000, of: 1_000_000_000, after: 10, width: 100)
        == "restore  #########..............................   25%  250.0 MB of 1.0 GB  25.0 MB/s  0:30 left"
    )
    #expect(
      line(0, of: 5000, after: 2)
        == "restore  .......................................    0%  0 B of 5.0 kB  0 B/s")
    #expect(line(5000, of: 5000, after: 2).hasSuffix("  100%  5.0 kB of 5.0 kB  2.5 kB/s"))
    #expect(line(1_234_567, of: nil, after: 2) == "restore  1.2 MB  617.3 kB/s")
    #expect(line(1, of: 100_000, after: 1).hasSuffix("  27:46:39 left"))
  }

  @Test(arguments: [1, 2, 10, 20, 30, 40, 60, 79, 80, 200])
  func neverReachesTheLastColumn(width: Int) {
    for done in [0, 999, 1_000_000, 999_999_999_999] {
      for total in [nil, 1_000_000_000_000] {
        #expect(line(done, of: total, after: 3, width: width).count <= max(0, width - 4))
      }
    }
  }

  /// Imports a pipe that gives rows for more than a second.
  private static let slowImport = ".import \"|for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done\" t\n"

  @Test func isShownWhileSomethingLastsAndLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let terminal = try PseudoTerminal(
      ShellHarness.program, [":memory:"], environment: ["SQLITE_HISTORY": folder.path("history")])
    #expect(terminal.expect("sqlite> "))
    terminal.type("create table t(a);\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type(Self.slowImport.replacingOccurrences(of: "\n", with: "\r"))
    #expect(terminal.expect("\rimport  "))
    #expect(terminal.expect(" B/s"))
    #expect(terminal.expect("\rsqlite> "))
    terminal.type("select count(*) from t;\r")
    #expect(terminal.expect("\n8\r\n"))
  }

  @Test func isNotShownInBatch() throws {
    let folder = try TemporaryFolder()
    let terminal = try PseudoTerminal(
      ShellHarness.program, ["-batch", ":memory:"], environment: ["SQLITE_HISTORY": folder.path("history")])
    terminal.type("create table t(a);\r\n" + Self.slowImport + "select 'n' || count(*) from t;\n")
    #expect(terminal.expect("n8\r\n"))
    #expect(!terminal.screen.contains("B/s"))
  }
}
