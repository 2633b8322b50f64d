internal import Shell

/// `.dump`: writes the database as an SQL script.
struct DumpCommand: DotCommand {
  static let spec = CommandSpec(
    name: "dump", shortest: 1, usage: "?OBJECTS?", summary: "Render database content as SQL",
    details: [
      "   Options:",
      "     --data-only            Output only INSERT statements",
      "     --newlines             Allow unescaped newline characters in output",
      "     --nosys                Omit system tables (ex: \"sqlite_stat1\")",
      "     --preserve-rowids      Include ROWID values in the output",
      "   OBJECTS is a LIKE pattern for tables, indexes, triggers or views to dump",
      "   Additional LIKE patterns can be given in subsequent arguments",
    ])
  private var options = DatabaseDump.Options()

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      guard word.hasPrefix("-") else {
        options.patterns.append(word)
        continue
      }
      switch word.dropFirst(word.hasPrefix("--") ? 2 : 1) {
      case "preserve-rowids": options.preservesRowIDs = true
      case "newlines": options.keepsLineBreaks = true
      case "data-only": options.isDataOnly = true
      case "nosys": options.omitsSystemTables = true
      default: throw .message("Unknown option \"\(word)\" on \".dump\"")
      }
    }
  }

  func run(in session: Session) throws {
    var dump = DatabaseDump(try session.connection, options, to: session.output.sink) {
      session.errors.print($0)
    }
    try dump.run()
  }
}
