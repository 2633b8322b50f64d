package import SQLite

/// Everything that sqlite3's shell has beside the library: one line for each family.
package enum ExtensionTable {
  package static let functions: [FunctionDefinition] = [
    SHA3Functions.all, DecimalFunctions.all, IEEE754Functions.all, RegexpFunctions.all, FileFunctions.all,
    EditFunction.all, SchemaFunctions.all, SleepFunction.all,
    SHA1Functions.all, Dialect.current.hasPercentiles ? [] : PercentileFunctions.all,
    Dialect.current.hasBases ? BaseFunctions.all : [],
    Dialect.current.hasExactReals
      ? DecimalFunctions.later + IEEE754Functions.later + NumberFunctions.all : [],
    Dialect.current.hidesInnerFunctions ? [] : SchemaFunctions.former,
  ].flatMap { $0 }

  package static let collations: [CollationDefinition] = [
    UnsignedCollation.collation, DecimalFunctions.collation,
  ]

  package static let modules: [ModuleDefinition] =
    [
      ModuleDefinition("generate_series", SeriesTable.self, isIntegerRun: true),
      ModuleDefinition("fsdir", FolderTable.self, reachesOutside: true),
      ModuleDefinition("completion", CompletionTable.self),
    ]
    + (Dialect.current.hidesInnerFunctions
      ? []
      : [
        ModuleDefinition("sqlite_dbdata", RecordTable.self),
        ModuleDefinition("sqlite_dbptr", PointerTable.self),
      ])

  /// What belongs to archives, which safe mode goes without.
  package static let archiveFunctions: [FunctionDefinition] = ArchiveFunctions.all + ZipFunctions.all
  package static let archiveModules: [ModuleDefinition] = [
    ModuleDefinition("zipfile", ZipTable.self, isWritable: true, reachesOutside: true)
  ]
  private static let archiveOverloads = ["zipfile_cds"]

  /// Which of them a connection gets.
  package enum Selection: Sendable {
    case all
    /// All but those of archives.
    case withoutArchives
    /// Only those whose results follow from the arguments and the database, and that change nothing else: for
    /// statements that come from elsewhere.
    case withinDatabase
  }

  /// Puts functions and collations into a connection, and no virtual table.
  package static func installFunctions(on connection: Connection) throws(SQLiteError) {
    for collation in collations { try connection.add(collation) }
    for function in functions + archiveFunctions { try connection.add(function) }
  }

  /// Puts them into a connection; `print` writes a line to where results go.
  package static func install(
    on connection: Connection, _ selection: Selection = .all, print: @escaping ([UInt8]) -> Void = { _ in }
  ) throws(SQLiteError) {
    for collation in collations { try connection.add(collation) }
    let hasArchives = selection != .withoutArchives
    for function in hasArchives ? functions + archiveFunctions : functions
    where selection != .withinDatabase || !function.reachesOutside {
      try connection.add(function)
    }
    for module in hasArchives ? modules + archiveModules : modules
    where selection != .withinDatabase || !module.reachesOutside {
      try connection.add(module)
    }
    if hasArchives { for name in archiveOverloads { try connection.overload(name) } }
    // Functions are called on the connection's thread, which is the one that made it and printed from before.
    nonisolated(unsafe) let print = print
    try connection.add(SchemaFunctions.putLine { print($0) })
  }
}
