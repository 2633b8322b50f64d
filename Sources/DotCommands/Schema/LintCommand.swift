internal import SQLite
internal import Shell

/// `.lint`: finds foreign keys whose checks would read whole tables.
struct LintCommand: DotCommand {
  static let spec = CommandSpec(
    name: "lint", shortest: 3, usage: "OPTIONS", summary: "Report potential schema issues.",
    details: ["     Options:", "        fkey-indexes     Find missing foreign key indexes"])
  private var complaint: String?
  private var isVerbose = false
  private var isByParent = false

  init(parsing words: inout Words) throws(CommandError) {
    guard let first = words.optional(), !first.isEmpty, Self.isStart(first, of: "fkey-indexes") else {
      complaint =
        "Usage \(words.name) sub-command ?switches...?\nWhere sub-commands are:\n    fkey-indexes"
      return
    }
    while let word = words.optional() {
      if word.utf8.count > 1, Self.isStart(word, of: "-verbose") {
        isVerbose = true
      } else if word.utf8.count > 1, Self.isStart(word, of: "-groupbyparent") {
        isByParent = true
      } else {
        complaint = "Usage: \(words.name) \(first) ?-verbose? ?-groupbyparent?"
        return
      }
    }
  }

  private static func isStart(_ word: String, of whole: String) -> Bool {
    whole.hasPrefix(word.lowercased())
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    // Neither counts as an error, as in sqlite3.
    if let complaint { return session.errors.print(complaint) }
    do throws(SQLiteError) {
      try report(connection, session.output)
    } catch {
      session.errors.print(error.message)
    }
  }

  private func report(_ connection: Connection, _ output: OutputState) throws(SQLiteError) {
    var lastParent: String?
    for key in try ForeignKey.all(connection, byParent: isByParent) {
      let isIndexed = try key.hasIndex(connection)
      if isIndexed && !isVerbose { continue }
      if isByParent, key.parent != lastParent {
        output.print("-- Parent table \(key.parent)")
        lastParent = key.parent
      }
      let indent = isByParent ? "    " : ""
      output.print(indent + (isIndexed ? key.reassurance : key.proposal))
    }
  }
}
