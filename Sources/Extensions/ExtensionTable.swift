package import SQLite

/// Everything that sqlite3's shell adds to the library: one line for each family.
///
/// Each family is a file with `FunctionDefinition`s or a `VirtualTable`, a line here, and golden
/// cases. An entry says whether it reaches outside of the database (reads or writes files, asks the
/// user). `Connection.outsideReach` remembers the last one that ran; a statement that writes and
/// reached outside becomes a barrier in the statement log. The connection that replays statements
/// lacks those functions.
///
///     try ExtensionTable.install(on: connection, .withinDatabase)
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

  /// The functions of archives, which safe mode lacks.
  package static let archiveFunctions: [FunctionDefinition] = ArchiveFunctions.all + ZipFunctions.all
  package static let archiveModules: [ModuleDefinition] = [
    ModuleDefinition("zipfile", ZipTable.self, isWritable: true, reachesOutside: true)
  ]
  private static let archiveOverloads = ["zipfile_cds"]

  /// Which of them a connection gets.
  package enum Selection: Sendable {
    case all
    /// All except those of archives.
    case withoutArchives
    /// Only functions whose results follow from the arguments and the database, and that change
    /// nothing else: for statements from outside.
    case withinDatabase
  }

  /// Registers functions and collations with a connection, and no virtual table.
  package static func installFunctions(on connection: Connection) throws(SQLiteError) {
    for collation in collations { try connection.add(collation) }
    for function in functions + archiveFunctions { try connection.add(function) }
  }

  /// Registers everything with a connection; `print` writes a line to the results.
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
    // Functions are called on the connection's thread, which made it and printed before.
    nonisolated(unsafe) let print = print
    try connection.add(SchemaFunctions.putLine { print($0) })
  }
}
