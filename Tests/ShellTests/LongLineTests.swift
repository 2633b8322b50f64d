import Foundation
import TestSupport
import Testing

/// Lines of many megabytes are read as a whole, in time and memory proportional to their length.
@Suite struct LongLineTests {
  private static let length = 20_000_000

  private func compare(_ input: String, _ arguments: [String] = [":memory:"]) throws {
    let start = ContinuousClock.now
    let (expected, actual) = try Oracle.compare(arguments, input: Data(input.utf8))
    let took = ContinuousClock.now - start
    // Without the texts, which are as long as the lines.
    #expect(expected.code == actual.code)
    #expect(Data(expected.output.utf8) == Data(actual.output.utf8) ? true : false, "output differs")
    #expect(expected.errors == actual.errors ? true : false, "errors differ: \(actual.errors.prefix(300))")
    #expect(took < .seconds(240))
  }

  private static func repeated(_ text: String, _ length: Int = length) -> String {
    String(repeating: text, count: length / text.utf8.count)
  }

  @Test func aStatementInOneLine() throws {
    try compare(
      "create table t(a);\ninsert into t values" + Self.repeated("(12345),", 2_000_000)
        + "(1);\nselect count(*),sum(a) from t;\n")
  }

  @Test func aLiteralInOneLine() throws {
    try compare("select length('\(Self.repeated("text; -- /* "))');\nselect 'after';\n")
  }

  @Test func aCommentInOneLine() throws {
    try compare("select 1; -- \(Self.repeated("x'\"[;"))\nselect 'after';\n")
  }

  @Test func aStatementOfManyLines() throws {
    try compare("select length('\(Self.repeated("one line of many\n", 6_000_000))');\nselect 'after';\n")
  }

  @Test func aCommand() throws {
    try compare(
      ".print \(Self.repeated("words ", 3_000_000))\n.print '\(Self.repeated("one word", 3_000_000))'\nselect 'after';\n"
    )
  }

  @Test func anUnknownCommand() throws {
    try compare(".\(Self.repeated("nonsense", 1_000_000))\nselect 'after';\n")
  }

  @Test func anErrorFarAway() throws {
    try compare("select \(Self.repeated("1+", 1_000_000)) nosuch(;\nselect 'after';\n")
  }

  @Test func aTextThatNeverEnds() throws {
    try compare("select '\(Self.repeated("never ending\n"))")
  }

  @Test func aCellOfAnImport() throws {
    try compare(
      ".once big.csv\nselect hex(zeroblob(3000000)), 'b';\n.separator |\n.import big.csv t\nselect count(*) from t;\n.mode list\n.tables\n"
    )
  }

  @Test(arguments: ["box", "json", "csv", "quote", "html", "tcl", "insert", "line", "markdown"])
  func aCellOfAResult(_ mode: String) throws {
    try compare(".mode \(mode)\nselect hex(zeroblob(1000000)) as wide, 'b' as narrow;\n")
  }
}
