import Foundation
import TestSupport
import Testing

@Suite struct OptionHelpTests {
  /// sqlite3's complete help of its options, and then ours.
  @Test(arguments: ["-help", "--help"]) func beginsWithSQLite3sOwn(_ option: String) throws {
    let expected = try ShellHarness.run(Oracle.program, [option])
    let actual = try ShellHarness.run(ShellHarness.program, [option])
    let usage = expected.errors.replacingOccurrences(
      of: "Usage: \(Oracle.program) ", with: "Usage: PROGRAM ")
    #expect(actual.errors.hasPrefix(usage))
    #expect(
      actual.errors.dropFirst(usage.count).hasPrefix("Options that sqlite3 does not have:\n"))
    #expect(actual.code == expected.code && actual.output.isEmpty)
  }
}
