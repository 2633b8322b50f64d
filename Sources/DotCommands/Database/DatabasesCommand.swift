internal import SQLite
internal import Shell

/// `.databases`: lists attached databases.
struct DatabasesCommand: DotCommand {
  static let spec = CommandSpec(
    name: "databases", shortest: 2, summary: "List names and files of attached databases")
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) throws {
    let connection = try session.connection
    for row in try connection.rows("PRAGMA database_list") {
      guard case .text(let schema) = row[1], case .text(let file) = row[2] else { continue }
      var line = "\(schema): \(file.isEmpty ? "\"\"" : file)"
      line += connection.isReadOnly(schema) == true ? " r/o" : " r/w"
      switch connection.transactionState(schema) {
      case 1: line += " read-txn"
      case 2: line += " write-txn"
      default: break
      }
      session.output.print(line)
    }
  }
}
