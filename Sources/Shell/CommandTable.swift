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
  package func help(_ pattern: String?) -> [String] {
    let own = Self.help(pattern, of: commands.map { $0.spec }.filter { !$0.isHidden })
    let added = Self.help(pattern, of: extras.map { $0.spec }.filter { !$0.isHidden })
    let isListing = pattern == nil || pattern == "0" || Self.isAll(pattern ?? "")
    guard isListing, !added.isEmpty else { return own + added }
    return own + ["", "Mirror to S3:"] + added
  }

  private static func isAll(_ pattern: String) -> Bool { ["-a", "-all", "--all"].contains(pattern) }

  private static func help(_ pattern: String?, of specs: [CommandSpec]) -> [String] {
    guard let pattern, pattern != "0" || pattern.isEmpty else { return specs.map { $0.headline } }
    if isAll(pattern) || pattern == "0" { return specs.flatMap { $0.lines } }
    return []
  }
}
