internal import SQLite
internal import Shell

/// `.schema`: prints the statements of the schema of all databases.
struct SchemaCommand: DotCommand {
  static let spec = CommandSpec(
    name: "schema", shortest: 3, usage: "?PATTERN?", summary: "Show the CREATE statements matching PATTERN",
    details: [
      "   Options:",
      "      --indent             Try to pretty-print the schema",
      "      --nosys              Omit objects whose names start with \"sqlite_\"",
    ], correction: ".schema ?--indent? ?--nosys? ?LIKE-PATTERN?")
  private var pattern: String?
  private var indents = false
  private var omitsSystemObjects = false
  private var showsQuery = false

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      switch word {
      case "-indent", "--indent": indents = true
      case "-debug", "--debug": showsQuery = true
      case "-nosys", "--nosys": omitsSystemObjects = true
      case _ where word.hasPrefix("-"): throw .message("Unknown option: \"\(word)\"")
      case _ where pattern == nil: pattern = word
      default: throw .usage
      }
    }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    func show(_ sql: [UInt8]) {
      session.output.write(indents ? SchemaLine.indented(sql) : SchemaLine.text(sql))
    }
    if let pattern, isSchemaTable(pattern) {
      let columns = ["type text", "name text", "tbl_name text", "rootpage integer", "sql text"]
      show(Array("CREATE TABLE \(pattern) (\n  \(columns.joined(separator: ",\n  "))\n)".utf8))
    }
    do throws(SQLiteError) {
      let listing = try SchemaListing(connection, pattern: pattern, omitsSystemObjects: omitsSystemObjects)
      if showsQuery {
        session.output.print("SQL: \(listing.describedQuery);")
      } else {
        try listing.forEach(show)
      }
    } catch {
      throw CommandError.message("Error: \(error.message)")
    }
  }

  /// Returns whether the pattern names one of the tables that hold the schema itself.
  private func isSchemaTable(_ pattern: String) -> Bool {
    ["sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"]
      .contains { TextPattern.like(pattern, $0) }
  }
}
