internal import SQLite
internal import Shell

/// `.dbconfig`: shows or changes the switches of a connection.
struct DbconfigCommand: DotCommand {
  static let spec = CommandSpec(
    name: "dbconfig", shortest: 3, usage: "?op? ?val?", summary: "List or change sqlite3_db_config() options",
    completions: Connection.Switch.all.map { $0.name })
  private let name: String?
  private let value: Bool?
  init(parsing words: inout Words) throws(CommandError) {
    name = words.optional()
    guard let name, Connection.Switch.all.contains(where: { $0.name == name }), let word = words.optional()
    else {
      value = nil
      return
    }
    value = words.boolean(from: word)
  }
  func run(in session: Session) throws {
    let connection = try session.connection
    let chosen = Connection.Switch.all.filter { name == nil || $0.name == name }
    for option in chosen {
      if let value { connection.set(option, value) }
      let padding = String(repeating: " ", count: max(0, 19 - option.name.utf8.count))
      session.output.print("\(padding)\(option.name) \(connection.isOn(option) ? "on" : "off")")
    }
    if chosen.isEmpty, let name {
      session.errors.print("Error: unknown dbconfig \"\(name)\"")
      session.errors.print("Enter \".dbconfig\" with no arguments for a list")
    }
  }
}
