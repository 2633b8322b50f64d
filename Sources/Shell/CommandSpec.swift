/// The description of a dot-command: its name, its help and its usage.
package struct CommandSpec: Equatable, Sendable {
  package let name: String
  /// Length of the shortest prefix that finds the command.
  package let shortest: Int
  /// The arguments in `.help`.
  package let usage: String
  package let summary: String
  /// Further lines of `.help -all`, printed as they are.
  package let details: [String]
  /// The text after `Usage: ` for wrong arguments.
  package let correction: String
  /// Other full names.
  package let aliases: [String]
  /// Whether `.help` leaves it out.
  package let isHidden: Bool
  /// Whether only `.help 0` lists it.
  package let isForTests: Bool
  /// Whether it comes from a later sqlite3 than any known dialect.
  package let isLater: Bool
  /// Whether it may run with `-safe`.
  package let isSafe: Bool
  /// Whether safe mode prints its name as it was typed.
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

  /// All lines of the help text.
  package var lines: [String] { [headline] + details }

  /// Returns whether a typed word finds this command.
  func answers(to word: String) -> Bool {
    for name in [name] + aliases where name.utf8.starts(with: word.utf8) && word.utf8.count >= shortest {
      return true
    }
    return false
  }
}
