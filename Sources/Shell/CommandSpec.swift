/// What the table knows of a dot-command: its name and its words in `.help`.
package struct CommandSpec: Equatable, Sendable {
  package let name: String
  /// Length of the shortest prefix that stands for the name.
  package let shortest: Int
  /// Arguments as `.help` shows them.
  package let usage: String
  package let summary: String
  /// Further lines of `.help -all`, as they stand.
  package let details: [String]
  /// What follows `Usage: ` after bad arguments.
  package let correction: String
  /// Other full names.
  package let aliases: [String]
  /// Left out of `.help`.
  package let isHidden: Bool
  /// Left out of `.help`, except that `.help 0` lists it.
  package let isForTests: Bool
  /// Of a later sqlite3 than any whose dialect is spoken.
  package let isLater: Bool
  /// May run with `-safe`.
  package let isSafe: Bool
  /// Whether safe mode names it as it was typed.
  let isNamedAsTyped: Bool
  /// Words that may follow, for completion.
  package let completions: [String]

  package init(
    name: String, shortest: Int = 1, usage: String = "", summary: String = "", details: [String] = [],
    correction: String? = nil, aliases: [String] = [], isHidden: Bool = false, isForTests: Bool = false,
    isLater: Bool = false,
    isSafe: Bool = true,
    isNamedAsTyped: Bool = false, completions: [String] = []
  ) {
    self.name = name
    self.shortest = shortest
    self.usage = usage
    self.summary = summary
    self.details = details
    self.correction = correction ?? ".\(name)" + (usage.isEmpty ? "" : " \(usage)")
    self.aliases = aliases
    self.isForTests = isForTests
    self.isLater = isLater
    self.isHidden = isHidden || isForTests
    self.isSafe = isSafe
    self.isNamedAsTyped = isNamedAsTyped
    self.completions = completions
  }

  /// First line of the help text.
  package var headline: String {
    let head = ".\(name)" + (usage.isEmpty ? "" : " \(usage)")
    return head + String(repeating: " ", count: max(1, 25 - head.utf8.count)) + summary
  }

  /// All of the help text.
  package var lines: [String] { [headline] + details }

  /// Whether a word as typed may stand for this command.
  func answers(to word: String) -> Bool {
    for name in [name] + aliases where name.utf8.starts(with: word.utf8) && word.utf8.count >= shortest {
      return true
    }
    return false
  }
}
