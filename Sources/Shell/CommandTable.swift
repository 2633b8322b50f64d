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

  /// The command that a word stands for: an extra one first, so that it can claim a name.
  package func command(named word: String) -> (any DotCommand.Type)? {
    for command in extras where command.spec.answers(to: word) { return command }
    for command in commands where command.spec.answers(to: word) { return command }
    return nil
  }

  /// Lines of help that `pattern` asks for; empty where nothing matches.
  ///
  /// Commands that sqlite3 does not have stand apart, at the end.
  package func help(_ pattern: String?) -> [String] {
    let own = commands.map { $0.spec }.filter { !$0.isHidden }
    let added = extras.map { $0.spec }.filter { !$0.isHidden }
    guard let pattern else { return Self.list(own.map { [$0.headline] }, added.map { [$0.headline] }) }
    if pattern.hasPrefix("0") || ["-a", "-all", "--all"].contains(pattern) {
      return Self.list(own.map { $0.lines }, added.map { $0.lines })
    }
    let named = (own + added).filter { TextPattern.glob(".\(pattern)*", $0.headline) }
    if named.count == 1 { return named[0].lines }
    if !named.isEmpty {
      return Self.list(
        named.filter { own.contains($0) }.map { [$0.headline] },
        named.filter { !own.contains($0) }.map { [$0.headline] })
    }
    return (own + added).filter { spec in spec.lines.contains { TextPattern.like("%\(pattern)%", $0) } }
      .flatMap { $0.lines }
  }

  private static func list(_ own: [[String]], _ added: [[String]]) -> [String] {
    let own = own.flatMap { $0 }
    return added.isEmpty ? own : own + ["", "Commands that sqlite3 does not have:"] + added.flatMap { $0 }
  }
}
