internal import Recovery
internal import SQLite
internal import Shell

/// `.recover`: writes everything readable of a damaged database as SQL.
struct RecoverCommand: DotCommand {
  static let spec = CommandSpec(
    name: "recover", shortest: 1, summary: "Recover as much data as possible from corrupt db.",
    details: [
      "   --ignore-freelist        Ignore pages that appear to be on db freelist",
      "   --lost-and-found TABLE   Alternative name for the lost-and-found table",
      "   --no-rowids              Do not attempt to recover rowid values",
      "                            that are not also INTEGER PRIMARY KEYs",
    ])
  private var options = Recovery.Options()
  private var unknown: String?
  /// The typed name of the command, perhaps shortened: the help shows all commands that begin with
  /// it.
  private let typed: String

  init(parsing words: inout Words) throws(CommandError) {
    typed = words.name
    while let word = words.optional() {
      let name = word.hasPrefix("-") ? word.dropFirst(word.hasPrefix("--") ? 2 : 1) : ""
      switch name {
      case "ignore-freelist": options.ignoresFreelist = true
      case "no-rowids": options.keepsRowIDs = false
      case "lost-and-found" where !words.isEmpty: options.lostAndFound = words.optional() ?? ""
      // Our command needs no database of its own.
      case "recovery-db" where !words.isEmpty: _ = words.optional()
      default:
        unknown = word
        return
      }
    }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    if let unknown {
      session.errors.print("unexpected option: \(unknown)")
      for line in session.commands.help(typed, withExtras: false) { session.output.print(line) }
      throw CommandError.silent
    }
    let output = session.output
    let source = try PageSource(connection)
    try Recovery(source, options) { output.write($0) }.run()
  }
}
