internal import SQLite

/// All dot-commands, in the order of `.help`.
package struct CommandTable {
  /// Commands of sqlite3.
  package let commands: [any DotCommand.Type]
  /// Commands that only this shell has.
  package let extras: [any DotCommand.Type]

  package init(_ commands: [any DotCommand.Type], extras: [any DotCommand.Type] = []) {
    self.commands = commands
    self.extras = extras
  }

  /// Finds the command for a word.
  ///
  /// An extra command comes first, so that it can take over a name.
  package func command(named word: String) -> (any DotCommand.Type)? {
    for command in extras where command.spec.answers(to: word) { return command }
    for command in commands where command.spec.answers(to: word) { return command }
    return nil
  }

  /// Returns the help lines for `pattern`; empty if nothing matches.
  ///
  /// Commands that sqlite3 does not have are listed at the end.
  package func help(_ pattern: String?, withExtras: Bool = true) -> [String] {
    let own = commands.map { $0.spec }.filter { !$0.isHidden }
    let extra = withExtras ? extras.map { $0.spec }.filter { !$0.isHidden } : []
    let (added, later) = (extra.filter { !$0.isLater }, extra.filter { $0.isLater })
    guard let pattern else {
      return Self.list(own.map { [$0.headline] }, added.map { [$0.headline] }, later.map { [$0.headline] })
    }
    if pattern.hasPrefix("0"), Dialect.current.hidesUnsafeTests {
      return commands.map { $0.spec }.filter { $0.isForTests }.flatMap { $0.lines }
    }
    if pattern.hasPrefix("0") || ["-a", "-all", "--all"].contains(pattern) {
      return Self.list(own.map { $0.lines }, added.map { $0.lines }, later.map { $0.lines })
    }
    let named = own.filter { TextPattern.glob(".\(pattern)*", $0.headline) }
    let addedNamed = added.filter { TextPattern.glob(".\(pattern)*", $0.headline) }
    let laterNamed = later.filter { TextPattern.glob(".\(pattern)*", $0.headline) }
    if !named.isEmpty || !addedNamed.isEmpty || !laterNamed.isEmpty {
      var shown = Self.brief(named)
      // As in sqlite3, the very last line is never shown in this way.
      if named.count == 1, named.first == own.last, shown[0].count > 1 { shown[0].removeLast() }
      return Self.list(shown, Self.brief(addedNamed), Self.brief(laterNamed))
    }
    // If sqlite3 finds the text, the answer is the same.
    for specs in [own, added, later] {
      let found = specs.filter { spec in spec.lines.contains { TextPattern.like("%\(pattern)%", $0) } }
      if !found.isEmpty { return found.flatMap { $0.lines } }
    }
    return []
  }

  /// Returns the complete help of one command, or one line for each of several.
  private static func brief(_ specs: [CommandSpec]) -> [[String]] {
    specs.count == 1 ? specs.map { $0.lines } : specs.map { [$0.headline] }
  }

  private static func list(_ own: [[String]], _ added: [[String]], _ later: [[String]]) -> [String] {
    var lines = own.flatMap { $0 }
    for (title, part) in [
      ("Commands that sqlite3 does not have:", added), ("Commands of later versions of sqlite3:", later),
    ] where !part.isEmpty {
      lines += (lines.isEmpty ? [] : ["", title]) + part.flatMap { $0 }
    }
    return lines
  }
}
