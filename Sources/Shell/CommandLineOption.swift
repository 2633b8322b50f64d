/// One option of the command line, with one dash or two.
///
/// Options are read twice: `early` before the database opens, `late` after it, each in the order
/// typed.
package struct CommandLineOption {
  /// The action of an option, with its arguments.
  package typealias Action = (_ launch: Launch, _ arguments: [String]) throws -> Void

  package let name: String
  package let argumentNames: [String]
  /// The text in `-help`; options without one are not listed.
  package let help: String?
  /// The name in `-help`, if it differs.
  package let shownAs: String?
  package let early: Action?
  package let late: Action?
  /// Number of arguments to skip when options are read the second time; sqlite3 sometimes skips one
  /// too many.
  let lateSkip: Int
  /// Whether sqlite3 treats it as unknown if its argument is missing.
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
