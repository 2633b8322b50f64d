import Foundation
import TestSupport
import Testing

/// What `-help` says: sqlite3's own text, and below it what sqlite3 does not have.
@Suite struct UsageTests {
  @Test func listsOurOptionsBelowThoseOfSQLite3() throws {
    let theirs = try ShellHarness.run(Oracle.program, ["-help"])
    let ours = try ShellHarness.run(ShellHarness.program, ["-help"])
    #expect(ours.code == theirs.code)
    let text = theirs.errors.replacingOccurrences(of: "Usage: \(Oracle.program) ", with: "Usage: PROGRAM ")
    #expect(ours.errors.hasPrefix(text))
    let added = ours.errors.dropFirst(text.count)
    #expect(added.hasPrefix("Options that sqlite3 does not have:\n"))
    #expect(added.contains("-mirror URL") && added.contains("-durability async|sync"))
  }
}
