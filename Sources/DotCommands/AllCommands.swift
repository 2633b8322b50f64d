internal import SQLite
package import Shell

/// The table of commands, in the order of `.help`.
///
/// This target has every dot-command, one file for each. A command is a `DotCommand`: `CommandSpec`
/// describes it, its initializer reads the words, and `run(in:)` does the work. The folder `Cloud`
/// has the commands of the mirror, and `MirrorSession`, which connects `Replicator` to a session.
package enum AllCommands {
  /// Commands of sqlite3.
  ///
  /// The position of an undocumented name determines over which prefixes of other names it has
  /// precedence.
  package static let commands = all.filter { $0.isKnown(Dialect.current) }

  private static let all: [any DotCommand.Type] = [
    ArchiveCommand.self,
    AuthCommand.self,
    BackupCommand.self,
    BailCommand.self,
    BinaryCommand.self,
    BreakpointCommand.self,
    CdCommand.self,
    ChangesCommand.self,
    CheckCommand.self,
    CloneCommand.self,
    ConnectionCommand.self,
    CRNLCommand.self,
    DatabasesCommand.self,
    DbconfigCommand.self,
    DbinfoCommand.self,
    DumpCommand.self,
    EchoCommand.self,
    EqpCommand.self,
    ExcelCommand.self,
    ExitCommand.self,
    ExpertCommand.self,
    ExplainCommand.self,
    FilectrlCommand.self,
    FullschemaCommand.self,
    HeadersCommand.self,
    HelpCommand.self,
    ImportCommand.self,
    ImposterCommand.self,
    IndexesCommand.self,
    IntegrityCheckCommand.self,
    LimitCommand.self,
    LintCommand.self,
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
    RecoverCommand.self,
    RestoreCommand.self,
    SaveCommand.self,
    ScanstatsCommand.self,
    SchemaCommand.self,
    SelftestCommand.self,
    SeparatorCommand.self,
    SessionCommand.self,
    Sha3sumCommand.self,
    ShellCommand.self,
    ShowCommand.self,
    StatsCommand.self,
    SystemCommand.self,
    TablesCommand.self,
    TestcaseCommand.self,
    TestctrlCommand.self,
    TimeoutCommand.self,
    TimerCommand.self,
    TreetraceCommand.self, SelecttraceCommand.self,
    TraceCommand.self,
    VersionCommand.self,
    VFSInfoCommand.self,
    VFSListCommand.self,
    VFSNameCommand.self,
    WheretraceCommand.self,
    WidthCommand.self,
  ]

  /// Commands that sqlite3 does not have.
  package static let extras: [any DotCommand.Type] = [
    HighlightCommand.self, MirrorCommand.self, RestoreFromReplicaCommand.self,
    TextDumpCommand.self, DiskUsedCommand.self, BrowserCommand.self,
  ]
}
