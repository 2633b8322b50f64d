/// One option of the command line, written with one dash or two.
///
/// Options are read twice: `early` before the database opens, `late` after, each in the order typed.
package struct CommandLineOption {
  /// What an option does with its arguments.
  package typealias Action = (_ launch: Launch, _ arguments: [String]) throws -> Void

  package let name: String
  package let argumentNames: [String]
  /// What `-help` says; options without it are not listed.
  package let help: String?
  /// How `-help` writes the name, where that differs.
  package let shownAs: String?
  package let early: Action?
  package let late: Action?
  /// Arguments skipped when options are read the second time; sqlite3 skips one too many here and there.
  let lateSkip: Int
  /// Whether sqlite3 does not know it where its argument is missing.
  let isUnknownAtTheEnd: Bool

  package init(
    _ name: String, _ argumentNames: [String] = [], help: String? = nil, shownAs: String? = nil,
    lateSkip: Int? = nil, isUnknownAtTheEnd: Bool = false, early: Action? = nil, late: Action? = nil
  ) {
    self.name = name
    self.argumentNames = argumentNames
    self.help = help
    self.shownAs = shownAs
    self.lateSkip = lateSkip ?? argumentNames.count
    self.isUnknownAtTheEnd = isUnknownAtTheEnd
    self.early = early
    self.late = late
  }

  /// Its line in `-help`.
  var line: String? {
    guard let help else { return nil }
    let head = shownAs ?? ([name] + argumentNames).joined(separator: " ")
    return "   -" + head + String(repeating: " ", count: max(1, 20 - head.utf8.count)) + help
  }
}
