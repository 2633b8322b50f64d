import Foundation
import TestSupport
import Testing

/// Tests the mirror's messages to a user at a terminal.
@Suite(.serialized) struct GreetingTests {
  private static let banner = "Enter \".help\" for usage hints.\r\n"

  private func screen(_ work: Workplace, _ arguments: [String], typing: [String] = []) throws -> String {
    let terminal = try PseudoTerminal(
      ShellHarness.program, arguments + [work.folder.path("live.db")], environment: work.environment)
    #expect(terminal.expect("sqlite> "), "\(terminal.screen)")
    for line in typing {
      terminal.type(line + "\r")
      #expect(terminal.expect("> "), "\(terminal.screen)")
    }
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0, "\(terminal.screen)")
    return terminal.screen
  }

  @Test func reportsWhereAndHowFar() throws {
    let work = try Workplace(.directory)
    let url = work.replica.url
    #expect(
      try screen(work, work.replica.arguments).contains(
        Self.banner + "Mirror to \(url): begins with the first table.\r\nsqlite> "))
    try work.succeed("CREATE TABLE t(a); INSERT INTO t VALUES(1);\n")
    let shown = try screen(work, work.replica.arguments)
    // A busy machine may not finish in the time that a start takes.
    #expect(
      shown.contains(Self.banner + "Mirrored to \(url), up to transaction 2.\r\nsqlite> ")
        || shown.contains(Self.banner + "Mirror to \(url): connecting.\r\nsqlite> "), "\(shown)")
  }

  /// Before the first table, a mirror that cannot be set up has not reported anything yet.
  @Test func reportsWhatIsMissing() throws {
    let work = try Workplace(.directory)
    let shown = try screen(work, ["-mirror", "s3://bucket/prefix"])
    #expect(
      shown.contains(Self.banner + "Not mirrored: configure S3_ACCESS_KEY_ID: not set; "), "\(shown)")
  }

  @Test func printsNothingWithoutAMirror() throws {
    let work = try Workplace(.directory)
    let ours = try screen(work, ["-mirror", "off"])
    let terminal = try PseudoTerminal(
      Oracle.program, [work.folder.path("live.db")], environment: work.environment)
    #expect(terminal.expect("sqlite> "))
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0)
    #expect(ours == terminal.screen)
  }

  @Test func showsTheStateInThePrompt() throws {
    let work = try Workplace(.directory)
    let terminal = try PseudoTerminal(
      ShellHarness.program, work.replica.arguments + [work.folder.path("live.db")],
      environment: work.environment)
    #expect(terminal.expect("sqlite> "))
    terminal.type(".prompt 'db{mirror}> '\r")
    #expect(terminal.expect("\ndb~> "), "\(terminal.screen)")
    terminal.type("CREATE TABLE t(a);\r")
    #expect(terminal.expect("> "))
    terminal.type(".mirror sync\r")
    #expect(terminal.expect("\ndb=> "), "\(terminal.screen)")
    terminal.type(".mirror off\r")
    #expect(terminal.expect("> "), "\(terminal.screen)")
    terminal.type(".prompt '{m}{mirror{x> '\r")
    #expect(terminal.expect("\n{m}{mirror{x> "), "\(terminal.screen)")
    terminal.type("\u{4}")
    #expect(terminal.exitCode() == 0, "\(terminal.screen)")
  }
}
