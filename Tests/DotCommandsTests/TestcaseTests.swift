import Foundation
import TestSupport
import Testing

/// sqlite3 crashes here, so there is nothing to compare with.
@Suite struct TestcaseTests {
  @Test func aTestThatCannotBeWrittenIsAnError() throws {
    let script = ".system mkdir testcase-out.txt\n.testcase x\nselect 1;\n.check 1\nselect 2;\n"
    let result = try ShellHarness.run(ShellHarness.program, [":memory:"], input: Data(script.utf8))
    #expect(result.output == "1\n")
    #expect(
      result.errors
        == "Error: cannot open 'testcase-out.txt'\nError: cannot read 'testcase-out.txt'\n")
  }
}
