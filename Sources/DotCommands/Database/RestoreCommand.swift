internal import SQLite
internal import Shell

/// Copies a file over a database: sqlite3's form of `.restore`.
///
/// A command that claims further words of `.restore` hands the others on to this one.
struct RestoreCommand: DotCommand {
  static let spec = CommandSpec(
    name: "restore", shortest: 3, usage: "?DB? FILE",
    summary: "Restore content of DB (default \"main\") from FILE", isSafe: false)
  private let schema: String
  private let file: String
  init(parsing words: inout Words) throws(CommandError) {
    let first = try words.required()
    let second = words.optional()
    try words.finish()
    file = second ?? first
    schema = second == nil ? "main" : first
  }
  func run(in session: Session) throws {
    let target = try session.connection
    let source: Connection
    do throws(SQLiteError) {
      source = try Connection(file, [.readWrite, .create, .uri])
    } catch {
      throw CommandError.message("Error: cannot open \"\(file)\"")
    }
    switch try Backup.copy(source, "main", to: target, schema, patience: 3) {
    case .done: break
    case .busy: throw CommandError.message("Error: source database is busy")
    case .failed: throw CommandError.message("Error: \(target.error(.error).message)")
    }
  }
}
