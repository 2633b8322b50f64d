package import Shell

/// The table of commands, in the order of `.help`.
package enum AllCommands {
  /// Commands of sqlite3. An undocumented name stands where it takes precedence over prefixes of others.
  package static let commands: [any DotCommand.Type] = [
    BailCommand.self,
    BinaryCommand.self,
    CdCommand.self,
    ChangesCommand.self,
    EchoCommand.self,
    ExitCommand.self,
    HeadersCommand.self,
    HelpCommand.self,
    NullvalueCommand.self,
    PrintCommand.self,
    PromptCommand.self,
    QuitCommand.self,
    ReadCommand.self,
    SeparatorCommand.self,
    ShellCommand.self,
    SystemCommand.self,
    TimerCommand.self,
    WidthCommand.self,
  ]

  /// Commands that sqlite3 does not have.
  package static let extras: [any DotCommand.Type] = []
}
