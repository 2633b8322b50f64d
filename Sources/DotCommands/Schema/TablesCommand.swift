internal import Shell

/// `.tables`: lists tables and views.
struct TablesCommand: DotCommand {
  static let spec = CommandSpec(
    name: "tables", shortest: 2, usage: "?TABLE?",
    summary: "List names of tables matching LIKE pattern TABLE")
  private let pattern: String?
  init(parsing words: inout Words) throws(CommandError) { pattern = words.optional() }
  func run(in session: Session) throws {
    try NameList.show(
      "type IN ('table','view') AND name NOT LIKE 'sqlite_%' AND name LIKE ?1", pattern, in: session)
  }
}
