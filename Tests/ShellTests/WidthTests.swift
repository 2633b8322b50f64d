import Foundation
import TestSupport
import Testing

/// Widths and numbers that no memory can hold.
@Suite struct WidthTests {
  private func run(_ script: String) throws -> ShellHarness.Result {
    try ShellHarness.run(ShellHarness.program, [":memory:"], input: Data(script.utf8))
  }

  @Test(arguments: ["box", "table", "markdown", "column"]) func aWidthIsBounded(_ mode: String) throws {
    let result = try run(".mode \(mode)\n.width 2147483647\nSELECT 1;\n")
    #expect(result.code == 0)
    #expect(result.output.utf8.count < 200_000_000)
    let longest = result.output.split(separator: "\n").map(\.count).max() ?? 0
    #expect((10_000_000...10_000_010).contains(longest), "\(longest)")
  }

  @Test func skippingEndsWithTheFile() throws {
    let result = try run(
      "CREATE TABLE t(a);\n.import --skip 9223372036854775807 /etc/hostname t\nSELECT count(*) FROM t;\n")
    #expect(result.output == "0\n" && result.code == 0)
  }

  @Test func sha3QueryThatCallsItselfIsAnError() throws {
    let result = try run(
      "CREATE TABLE q(s); INSERT INTO q VALUES('SELECT sha3_query(s) FROM q');\nSELECT hex(sha3_query(s)) FROM q;\n"
        + "SELECT 'goes on';\n")
    #expect(result.output.hasSuffix("goes on\n"), "\(result)")
  }
}
