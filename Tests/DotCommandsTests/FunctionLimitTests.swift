import Foundation
import TestSupport
import Testing

/// If sqlite3 does not return or gives a wrong result, we give an answer.
@Suite struct FunctionLimitTests {
  private func answer(_ sql: String) throws -> ShellHarness.Result {
    try ShellHarness.run(ShellHarness.program, [":memory:"], input: Data((sql + "\n").utf8))
  }

  @Test(arguments: [
    ("generate_series(9223372036854775800,9223372036854775807,5)", "9223372036854775800,9223372036854775805"),
    (
      "generate_series(-9223372036854775808,9223372036854775807,9223372036854775807)",
      "-9223372036854775808,-1,9223372036854775806"
    ),
    ("generate_series(9223372036854775807,9223372036854775807)", "9223372036854775807"),
  ]) func seriesEndWithTheIntegers(_ series: String, _ values: String) throws {
    #expect(try answer("SELECT group_concat(value) FROM \(series);").output == values + "\n")
  }

  @Test func seriesThatCountDownEndWithTheIntegers() throws {
    let (from, to) =
      Oracle.version.isBefore("3.46")
      ? ("-9223372036854775808", "-9223372036854775807") : ("-9223372036854775807", "-9223372036854775808")
    let result = try answer("SELECT group_concat(value) FROM generate_series(\(from),\(to),-1);")
    #expect(result.output == "-9223372036854775807,-9223372036854775808\n")
  }

  @Test func theLeastIntegerIsANumberToo() throws {
    #expect(try answer("SELECT ieee754(-9223372036854775808,-63);").output == "-1.0\n")
  }

  @Test(arguments: ["a{99999999999}", "((a{1000}){1000}){10}", String(repeating: "(", count: 100_000)])
  func refusesExpressionsWithoutMeasure(_ pattern: String) throws {
    let result = try answer("SELECT regexp('\(pattern)','a');")
    #expect(result.errors == "Runtime error near line 1: REGEXP pattern too big\n")
  }

  @Test func takesTimeInProportionToTheText() throws {
    // Trying each way in turn would take too long.
    let text = "printf('%.*c',20000,'x')"
    #expect(try answer("SELECT regexp('^(x+x+)+(x*)*(x|xx)+y$',\(text));").output == "0\n")
  }

  @Test func declaredSizesTakeNoMemory() throws {
    let result = try answer("SELECT length(sqlar_uncompress(sqlar_compress(zeroblob(100)),2000000000));")
    #expect(result.output == "100\n")
  }
}
