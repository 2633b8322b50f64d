import Foundation
import TestSupport
import Testing

/// Everything that the program adds to sqlite3 is in the tables of README or Guide, and in the
/// manual page.
@Suite struct DocumentedNameTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Returns the output of the program for `words`, typed at its prompt.
  private func output(_ words: String) throws -> String {
    try ShellHarness.run(ShellHarness.program, [":memory:", words]).output
  }

  /// Returns the first words of the lines of a list that follows `title`, up to a line that is not
  /// indented by `indent`.
  private func names(after title: String, in text: String, indent: String = "") throws -> [String] {
    let start = try #require(text.range(of: title), "\(title)")
    let lines = text[start.upperBound...].split(separator: "\n").prefix { !$0.hasSuffix(":") }
    let found = lines.compactMap { line in
      line.hasPrefix(indent)
        ? line.dropFirst(indent.utf8.count).split(separator: " ").first.map(String.init) : nil
    }
    try #require(!found.isEmpty)
    return found
  }

  private func expect(_ names: some Collection<String>, atLeast count: Int) throws {
    let tables = try ["README.md", "Docs/Guide.md"].flatMap {
      try String(contentsOf: Self.root.appendingPathComponent($0), encoding: .utf8).split(separator: "\n")
        .filter { $0.hasPrefix("|") }
    }.joined(separator: "\n")
    var manual = try String(
      contentsOf: Self.root.appendingPathComponent("Docs/sqlite3-cloud-s3.1"), encoding: .utf8)
    // The page without its fonts and quotes (groff_man(7)).
    for (mark, text) in [("\\-", "-"), ("\\fB", ""), ("\\fR", ""), ("\\fI", ""), ("\"", "")] {
      manual = manual.replacingOccurrences(of: mark, with: text)
    }
    #expect(names.count >= count)
    // In the page a file's name is `NAME -s3pos`.
    manual = manual.replacingOccurrences(of: "NAME ", with: "NAME")
    for name in names {
      let (isInTables, isInManual) = (Self.holds(tables, name), Self.holds(manual, name))
      #expect(isInTables, "\(name) is in no table of README or Guide")
      #expect(isInManual, "\(name) is not in the manual page")
    }
  }

  /// Returns whether a text holds a name that is not a part of a longer one.
  private static func holds(_ text: String, _ name: String) -> Bool {
    var from = text.startIndex
    while let found = text.range(of: name, range: from..<text.endIndex) {
      let before = text[..<found.lowerBound].last, after = text[found.upperBound...].first
      let isFile = name.hasPrefix("-s3") || name.hasPrefix(".") && text[..<found.lowerBound].hasSuffix("NAME")
      if isFile || before.map({ $0.isLetter || $0.isNumber || "_-".contains($0) }) != true,
        after.map({ $0.isLetter || $0.isNumber || "_-".contains($0) }) != true
      {
        return true
      }
      from = found.upperBound
    }
    return false
  }

  @Test func commandsAreNamed() throws {
    let help = try output(".help")
    let ours = try names(after: "Commands that sqlite3 does not have:\n", in: help)
    let later = try names(after: "Commands of later versions of sqlite3:\n", in: help)
    try expect(ours + later, atLeast: 6)
  }

  @Test func subcommandsAndTheirOptionsAreNamed() throws {
    let mirror = try output(".help mirror"), restore = try output(".help restore")
    let words = mirror.split(separator: "\n").dropFirst().filter {
      $0.hasPrefix("   ") && !$0.hasPrefix("    ")
    }
    let subcommands = words.compactMap { $0.split(separator: " ").first.map { ".mirror \($0)" } }
    let options = (mirror + restore).matches(of: try Regex("--[a-z-]+")).map { String($0[0].substring ?? "") }
    try expect(Set(subcommands + options + [".restore wal", ".restore sql"]), atLeast: 25)
  }

  @Test func flagsAreNamed() throws {
    let help = try ShellHarness.run(ShellHarness.program, ["-help"])
    let text = help.errors + help.output
    let ours = try names(after: "Options that sqlite3 does not have:\n", in: text, indent: "   ")
    let later = try names(after: "Options of later versions of sqlite3:\n", in: text, indent: "   ")
    try expect(ours + later, atLeast: 8)
  }

  /// Returns the names that stand in quotes in the sources.
  private func quoted(_ pattern: String) throws -> Set<String> {
    let folder = Self.root.appendingPathComponent("Sources")
    let regex = try Regex("\"(\(pattern))\"")
    var found: Set<String> = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    where name.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      for match in text.matches(of: regex) { found.insert(String(match[1].substring ?? "")) }
    }
    return found
  }

  @Test func settingsAreNamed() throws {
    try expect(
      quoted("(?:S3|AWS|XDG)_[A-Z0-9_]+|SQLITE_HISTORY|NO_COLOR|[a-z]+_proxy|[A-Z]+_PROXY"), atLeast: 40)
  }

  @Test func filesAreNamed() throws {
    try expect(quoted("-s3[a-z]+|\\.restoring"), atLeast: 3)
    try expect([".exporting", ".verifying"], atLeast: 2)
  }
}
