package import Shell

/// The table of commands, in the order of `.help`.
package enum AllCommands {
  /// Commands of sqlite3.
  ///
  /// An undocumented name stands where it takes precedence over prefixes of others.
  package static let commands: [any DotCommand.Type] = [
    AuthCommand.self,
    BackupCommand.self,
    BailCommand.self,
    BinaryCommand.self,
    CdCommand.self,
    ChangesCommand.self,
    CloneCommand.self,
    ConnectionCommand.self,
    DatabasesCommand.self,
    DbconfigCommand.self,
    DumpCommand.self,
    EchoCommand.self,
    EqpCommand.self,
    ExcelCommand.self,
    ExitCommand.self,
    ExplainCommand.self,
    FilectrlCommand.self,
    FullschemaCommand.self,
    HeadersCommand.self,
    HelpCommand.self,
    ImportCommand.self,
    IndexesCommand.self,
    LimitCommand.self,
    LoadCommand.self,
    LogCommand.self,
    ModeCommand.self,
    NonceCommand.self,
    NullvalueCommand.self,
    OnceCommand.self,
    OpenCommand.self,
    OutputCommand.self,
    ParameterCommand.self,
    PrintCommand.self,
    ProgressCommand.self,
    PromptCommand.self,
    QuitCommand.self,
    ReadCommand.self,
    RestoreCommand.self,
    SaveCommand.self,
    SchemaCommand.self,
    SeparatorCommand.self,
    ShellCommand.self,
    ShowCommand.self,
    StatsCommand.self,
    SystemCommand.self,
    TablesCommand.self,
    TimeoutCommand.self,
    TimerCommand.self,
    TraceCommand.self,
    VersionCommand.self,
    VFSInfoCommand.self,
    VFSListCommand.self,
    VFSNameCommand.self,
    WidthCommand.self,
  ]

  /// Commands that sqlite3 does not have.
  package static let extras: [any DotCommand.Type] = [MirrorCommand.self, RestoreFromReplicaCommand.self]
}
