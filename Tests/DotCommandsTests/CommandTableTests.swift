import DotCommands
import Foundation
import Shell
import TestSupport
import Testing

@Suite struct CommandTableTests {
  private static let table = CommandTable(AllCommands.commands, extras: AllCommands.extras)
  private static let specs = AllCommands.commands.map { $0.spec }
  private static let shownNames = specs.filter { !$0.isHidden }.map { $0.name }

  @Test func namesAreUnique() {
    let names = (AllCommands.commands + AllCommands.extras).map { $0.spec.name }
    #expect(Set(names).count + overlapping == names.count)
  }

  /// Names that an extra command takes over from sqlite3.
  private var overlapping: Int {
    Set(AllCommands.commands.map { $0.spec.name }).intersection(AllCommands.extras.map { $0.spec.name }).count
  }

  /// Every line of our help for sqlite3's commands is in sqlite3's help, in the same order.
  @Test func helpSpeaksAsSQLite3() throws {
    let expected = try ShellHarness.run(Oracle.program, [":memory:", ".help -all"]).output
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var rest = expected[...]
    for line in CommandTable(AllCommands.commands).help("-all") {
      let found = rest.firstIndex(of: line)
      #expect(found != nil, "not in sqlite3's help, or not in its order: \(line)")
      if let found { rest = rest[(found + 1)...] }
    }
  }

  @Test(arguments: shownNames) func hasGoldenCases(_ name: String) {
    let folder = GoldenCase.folder.appendingPathComponent(name).path
    #expect(FileManager.default.fileExists(atPath: folder))
  }

  @Test func shortestPrefixFindsItsCommand() {
    for spec in Self.specs {
      let found = Self.table.command(named: String(spec.name.prefix(spec.shortest)))?.spec.name
      #expect(found != nil)
      #expect(Self.table.command(named: spec.name)?.spec.name == spec.name)
    }
  }
}
