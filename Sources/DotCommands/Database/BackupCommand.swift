internal import SQLite
internal import Shell

/// Copies a database into a file.
struct BackupCommand: DotCommand {
  static let spec = CommandSpec(
    name: "backup", shortest: 3, usage: "?DB? FILE", summary: "Backup DB (default \"main\") to FILE",
    details: [
      "   Options:",
      "       --append            Use the appendvfs",
      "       --async             Write to FILE without journal and fsync()",
    ], correction: ".backup ?DB? ?OPTIONS? FILENAME", isSafe: false, isNamedAsTyped: true)
  private let copy: BackupToFile
  init(parsing words: inout Words) throws(CommandError) { copy = try BackupToFile(&words) }
  func run(in session: Session) throws { try copy.run(in: session) }
}

/// The other name of `.backup`.
struct SaveCommand: DotCommand {
  static let spec = CommandSpec(
    name: "save", shortest: 3, usage: "?OPTIONS? FILE",
    summary: "Write database to FILE (an alias for .backup ...)",
    correction: ".backup ?DB? ?OPTIONS? FILENAME", isSafe: false, isNamedAsTyped: true)
  private let copy: BackupToFile
  init(parsing words: inout Words) throws(CommandError) { copy = try BackupToFile(&words) }
  func run(in session: Session) throws { try copy.run(in: session) }
}

/// What `.backup` and `.save` do.
private struct BackupToFile {
  private let schema: String
  private let file: String
  private var isAsynchronous = false
  private var isAppended = false

  init(_ words: inout Words) throws(CommandError) {
    var names: [String] = []
    while let word = words.optional() {
      switch word {
      case "-async", "--async": isAsynchronous = true
      case "-append", "--append": isAppended = true
      default:
        guard !word.hasPrefix("-") else { throw .message("unknown option: \(word)") }
        guard names.count < 2 else { throw .usage }
        names.append(word)
      }
    }
    guard let last = names.last else { throw .message("missing FILENAME argument on .backup") }
    file = last
    schema = names.count > 1 ? names[0] : "main"
  }

  func run(in session: Session) throws {
    let source = try session.connection
    let target: Connection
    do throws(SQLiteError) {
      target = try Connection(
        file, [.readWrite, .create, .uri], vfs: isAppended ? Connection.appendedFiles : nil)
    } catch {
      throw CommandError.message("Error: cannot open \"\(file)\"")
    }
    if isAsynchronous { try target.execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;") }
    guard try Backup.copy(source, schema, to: target, "main") == .done else {
      throw CommandError.message("Error: \(target.error(.error).message)")
    }
  }
}
