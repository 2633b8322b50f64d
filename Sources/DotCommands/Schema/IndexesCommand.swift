internal import SQLite
internal import Shell

/// `.indexes`: lists indexes.
struct IndexesCommand: DotCommand {
  static let spec = CommandSpec(
    name: "indexes", shortest: Dialect.current.hasIntegrityCheck ? 3 : 2, usage: "?TABLE?",
    summary: "Show names of indexes",
    details: [
      "                           If TABLE is specified, only show indexes for",
      "                           tables matching TABLE using the LIKE operator.",
    ], correction: ".indexes ?LIKE-PATTERN?", aliases: ["indices"])
  private let pattern: String?
  init(parsing words: inout Words) throws(CommandError) {
    pattern = words.optional()
    try words.finish()
  }
  func run(in session: Session) throws {
    try NameList.show("type='index' AND tbl_name LIKE ?1", pattern, in: session)
  }
}
