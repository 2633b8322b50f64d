internal import SQLite
internal import Shell

/// `.limit`: shows or changes the limits of a connection.
struct LimitCommand: DotCommand {
  static let spec = CommandSpec(
    name: "limit", shortest: 5, usage: "?LIMIT? ?VAL?",
    summary: "Display or change the value of an SQLITE_LIMIT",
    correction: ".limit NAME ?NEW-VALUE?", aliases: ["limits"],
    completions: Connection.Limit.all.map { $0.name })
  private let name: String?
  private let value: Int32?
  init(parsing words: inout Words) throws(CommandError) {
    name = words.optional()
    value = words.optional().map { Int32(truncatingIfNeeded: Numbers.integer($0)) }
    try words.finish()
  }
  func run(in session: Session) throws {
    let connection = try session.connection
    guard let name else {
      for limit in Connection.Limit.all { show(limit, connection, session) }
      return
    }
    let found = Connection.Limit.all.filter { $0.name.lowercased().hasPrefix(name.lowercased()) }
    guard let limit = found.first else {
      session.errors.print("unknown limit: \"\(name)\"")
      throw CommandError.message("enter \".limits\" with no arguments for a list.")
    }
    guard found.count == 1 else { throw CommandError.message("ambiguous limit: \"\(name)\"") }
    if let value { connection.set(limit, to: value) }
    show(limit, connection, session)
  }
  private func show(_ limit: Connection.Limit, _ connection: Connection, _ session: Session) {
    let padding = String(repeating: " ", count: max(0, 20 - limit.name.utf8.count))
    session.output.printToStandardOutput("\(padding)\(limit.name) \(connection.value(of: limit))")
  }
}
