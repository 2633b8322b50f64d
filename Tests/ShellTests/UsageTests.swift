import Foundation
import TestSupport
import Testing

/// The text of `-help`: sqlite3's own, and below it what sqlite3 does not have.
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
    #expect(added.contains("\n   -unfenced  "))
  }

  private static let restoreOptions = [
    "--from URL", "--to-txn N", "--to-time ISO8601", "--as-of MOMENT", "--before N", "--generation ID",
    "--output FILE", "--force",
    "--dry-run", "--verify",
    "--no-verify", "--allow-shorter", "--follow",
  ]

  /// sqlite3's usage of `.restore` is one of the forms.
  @Test(arguments: [".restore", ".restore wal --nonsense"]) func restoreShowsAllOfItsForms(_ command: String)
    throws
  {
    let theirs = try ShellHarness.run(Oracle.program, [":memory:", ".restore"])
    let ours = try ShellHarness.run(ShellHarness.program, [":memory:", command])
    #expect(ours.code == 1 && ours.output.isEmpty)
    #expect(ours.errors.contains("Usage: .restore wal|sql [--from URL]"), "\(ours.errors)")
    for option in Self.restoreOptions { #expect(ours.errors.contains(option), "\(option)") }
    #expect(
      ours.errors.hasSuffix("\n" + theirs.errors.replacingOccurrences(of: "Usage:", with: "      ")),
      "\(ours.errors)")
  }

  @Test func helpAndUsageOfRestoreNameTheSameOptions() throws {
    let help = try ShellHarness.run(ShellHarness.program, [":memory:", ".help restore"]).output
    for option in Self.restoreOptions { #expect(help.contains("\n   \(option) "), "\(option)") }
    let listed = help.split(separator: "\n").filter { $0.hasPrefix("   --") }
    #expect(listed.count == Self.restoreOptions.count)
  }

  @Test func moreWordsThanTheFormOfSQLite3TakesShowThatForm() throws {
    let (theirs, ours) = try Oracle.compare([":memory:", ".restore a b c"], input: Data(), files: [:])
    #expect(ours.errors == theirs.errors && ours.code == theirs.code)
  }

  /// The usage of each sub-command is its own, and `.help mirror` shows the same form.
  @Test(arguments: [
    "status --nonsense", "on", "off now", "sync now", "check a b", "snapshot now", "list --nonsense",
    "log --nonsense", "prune", "verify --nonsense", "export",
  ]) func eachSubcommandShowsItsOwnUsage(_ words: String) throws {
    let wrong = try ShellHarness.run(ShellHarness.program, [":memory:", ".mirror " + words]).errors
    let help = try ShellHarness.run(ShellHarness.program, [":memory:", ".help mirror"]).output
    let name = words.prefix { $0 != " " }
    let usage = try #require(wrong.split(separator: "\n").last { $0.hasPrefix("Usage: .mirror \(name)") })
    let form = usage.dropFirst("Usage: .mirror ".count)
    #expect(help.contains("\n   \(form)\n") || help.contains("\n   \(form)  "), "\(form)")
    #expect(!usage.contains("|"), "\(usage)")
  }

  /// A usage is complete.
  @Test(arguments: [".mirror", ".restore"]) func noUsageOfOursEndsInDots(_ command: String) throws {
    let wrong = try ShellHarness.run(ShellHarness.program, [":memory:", command + " wal --nonsense"]).errors
    let help = try ShellHarness.run(ShellHarness.program, [":memory:", ".help \(command.dropFirst())"]).output
    #expect(wrong.contains("Usage: ") && !wrong.contains("..."), "\(wrong)")
    #expect(help.hasPrefix(command + " ") && !help.prefix { $0 != "\n" }.contains("..."), "\(help)")
  }

  @Test(arguments: ["--new-generation", "--unfenced"]) func mirrorOnNeedsAURL(_ option: String) throws {
    let alone = try ShellHarness.run(ShellHarness.program, [":memory:", ".mirror on \(option)"])
    #expect(alone.code == 1 && alone.errors.hasPrefix("Usage: .mirror "), "\(alone.errors)")
    let help = try ShellHarness.run(ShellHarness.program, [":memory:", ".help mirror"]).output
    #expect(help.contains("[\(option)]"))
  }
}
