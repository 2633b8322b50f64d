import Foundation
import TestSupport
import Testing

/// Commands of later versions of sqlite3 that this shell has at any version.
@Suite struct LaterCommandTests {
  private func run(
    _ script: String, _ arguments: [String] = [":memory:"], in folder: TemporaryFolder? = nil,
    environment: [String: String] = [:]
  ) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, arguments, input: Data(script.utf8), in: folder, environment: environment)
  }

  /// Published test vectors: FIPS 180-2 for SHA-1.
  @Test(arguments: [
    ("sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("hex(sha1b(''))", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"), ("sha1(NULL) IS NULL", "1"),
    ("sha1_query('SELECT 1') = sha1_query('SELECT 2')", "0"),
  ]) func digests(_ expression: String, _ value: String) throws {
    #expect(try run("SELECT \(expression);\n").output == value + "\n")
  }

  @Test(arguments: [
    ("median(value)", "5.5"), ("percentile(value,25)", "3.25"), ("percentile_cont(value,0.25)", "3.25"),
    ("percentile_disc(value,0.25)", "3.0"), ("percentile(value,100)", "10.0"), ("percentile(value,0)", "1.0"),
  ]) func percentiles(_ expression: String, _ value: String) throws {
    #expect(try run("SELECT \(expression) FROM generate_series(1,10);\n").output == value + "\n")
  }

  @Test func percentilesFollowAWindow() throws {
    let result = try run(
      "SELECT median(value) OVER (ORDER BY value ROWS 2 PRECEDING) FROM generate_series(1,4);\n")
    #expect(result.output == "1.0\n1.5\n2.0\n3.0\n")
    let wrong = try run("SELECT percentile(value,101) FROM generate_series(1,3);\nSELECT median('x');\n")
    #expect(wrong.errors.contains("not between 0.0 and 100.0") && wrong.errors.contains("is not numeric"))
  }

  /// The text gives the same database when it is read.
  @Test func textOfADatabaseComesBack() throws {
    let folder = try TemporaryFolder()
    let script = """
      CREATE TABLE t(a,b); INSERT INTO t VALUES(1,zeroblob(20000)),(2,'x'),(3,randomblob(3000)); CREATE INDEX i ON t(a);
      SELECT sha3_query('SELECT * FROM t') = 1, hex(sha3_query('SELECT * FROM t'));
      .once f.txt
      .dbtotxt
      .open --hexdb f.txt
      SELECT 0, hex(sha3_query('SELECT * FROM t'));
      PRAGMA integrity_check;

      """
    let lines = try run(script, in: folder).output.split(separator: "\n")
    #expect(lines.count == 3 && lines[0] == lines[1] && lines[2] == "ok", "\(lines)")
    let text = String(decoding: try folder.read("f.txt"), as: UTF8.self)
    #expect(text.hasPrefix("| size ") && text.hasSuffix("| end unnamed.db\n"))
    #expect(text.contains("|      0: 53 51 4c 69 74 65 20 66 6f 72 6d 61 74 20 33 00   SQLite format 3.\n"))
  }

  @Test func useOfTheFileIsShown() throws {
    let result = try run(
      "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(5000)); CREATE INDEX i ON t(length(a));\n.diskused\n.diskused i\n"
    )
    let lines = result.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines.first == ["pages", "bytes", "unused", "name"])
    #expect(lines.contains { $0.first == "2" && $0[1] == "8192" && $0.last == "t" }, "\(result)")
    #expect(lines.last?.last == "i" && lines.count == 6, "\(result)")
  }

  /// A program of that name replaces the browser.
  @Test(arguments: [
    (".www", "<TR><TD>&lt;a&gt;</TD>"), (".once -w", "<TR><TD>&lt;a&gt;</TD>"), (".www --plain", "<a>\n["),
  ]) func resultsGoToABrowser(_ command: String, _ expected: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("#!/bin/sh\ncat \"$1\"; echo \"[$1]\"\n", to: "xdg-open")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: folder.path("xdg-open"))
    let result = try run(
      "\(command)\nSELECT '<a>' AS x;\nSELECT 7;\n", in: folder,
      environment: ["PATH": folder.path + ":/usr/bin:/bin"])
    #expect(result.output.contains(expected) && result.output.hasSuffix("7\n"), "\(result)")
    #expect(result.output.contains("</body></html>") == !command.contains("plain"))
  }

  @Test func timesOneInput() throws {
    let result = try run(".timer once\nSELECT 1;\nSELECT 2;\n")
    #expect(
      result.output.components(separatedBy: "Run Time: ").count == 2 && result.output.hasSuffix("\n2\n"))
  }

  @Test func opensOnlyWhatIsThere() throws {
    let folder = try TemporaryFolder()
    #expect(try run("SELECT 1;\n", ["-ifexists", "x.db"], in: folder).code == 1)
    #expect(!FileManager.default.fileExists(atPath: folder.path("x.db")))
    _ = try run("CREATE TABLE t(a);\n", ["x.db"], in: folder)
    #expect(try run(".tables\n", ["-ifexists", "x.db"], in: folder).output == "t\n")
  }

  @Test func readsNoStartUpFile() throws {
    let folder = try TemporaryFolder()
    try folder.write(".print read\n", to: "init")
    #expect(try run("", ["-init", folder.path("init"), ":memory:"]).output == "read\n")
    #expect(try run("", ["-noinit", ":memory:"]).output == "")
  }

  @Test func helpTellsThemApart() throws {
    let help = try run(".help\n").output
    let later = try #require(help.range(of: "\nCommands of later versions of sqlite3:\n"))
    #expect(help[later.upperBound...].contains(".dbtotxt") && !help[..<later.lowerBound].contains(".dbtotxt"))
    #expect(help[..<later.lowerBound].contains(".mirror"))
  }
}
