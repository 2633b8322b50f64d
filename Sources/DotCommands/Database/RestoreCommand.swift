internal import Files
internal import SQLite
internal import Shell

/// `.restore FILE`: copies a file over a database, as in sqlite3.
///
/// `RestoreFromReplicaCommand` passes on all words that are not its own.
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
    let source = try open(for: target)
    switch try Backup.copy(source, "main", to: target, schema, patience: 3) {
    case .done: break
    case .busy: throw CommandError.message("Error: source database is busy")
    case .failed: throw CommandError.message("Error: \(target.error(.error).message)")
    }
  }
  /// Opens the file to restore from.
  ///
  /// sqlite3 creates a missing file and accepts an empty one as a database without tables: a
  /// mistyped name then empties the database.
  private func open(for target: Connection) throws -> Connection {
    let source: Connection
    do throws(SQLiteError) {
      source = try Connection(file, [.readWrite, .uri])
    } catch {
      guard !FileInfo.exists(file), FileInfo.exists(Folder.parent(of: file)) else {
        throw CommandError.message("Error: cannot open \"\(file)\"")
      }
      throw refusal("there is no such file")
    }
    guard target.fileName(of: schema) == nil || (try? source.value("PRAGMA page_count")) != .integer(0) else {
      throw refusal("it is empty")
    }
    return source
  }

  private func refusal(_ cause: String) -> CommandError {
    .message(
      "Error: restore from \"\(file)\": \(cause); .restore wal or .restore sql restore from the mirror")
  }
}
