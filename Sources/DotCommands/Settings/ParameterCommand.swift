internal import Bytes
internal import SQLite
internal import Shell

/// `.parameter`: sets the values of parameters.
struct ParameterCommand: DotCommand {
  static let spec = CommandSpec(
    name: "parameter", shortest: 3, usage: "CMD ...", summary: "Manage SQL parameter bindings",
    details: [
      "   clear                   Erase all bindings",
      "   init                    Initialize the TEMP table that holds bindings",
      "   list                    List the current parameter bindings",
      "   set PARAMETER VALUE     Given SQL parameter PARAMETER a value of VALUE",
      "                           PARAMETER should start with one of: $ : @ ?",
      "   unset PARAMETER         Remove PARAMETER from the binding table",
    ])
  private enum Act { case clear, create, list, set(String, String), unset(String), help }
  private let act: Act
  init(parsing words: inout Words) throws(CommandError) {
    let verb = words.optional()
    let rest = words.rest()
    switch (verb, rest.count) {
    case ("clear", 0): act = .clear
    case ("init", 0): act = .create
    case ("list", 0): act = .list
    case ("set", 2): act = .set(rest[0], rest[1])
    case ("unset", 1): act = .unset(rest[0])
    default: act = .help
    }
  }

  private static let table = "temp.sqlite_parameters"

  func run(in session: Session) throws {
    let connection = try session.connection
    switch act {
    case .clear: try? connection.execute("DROP TABLE IF EXISTS \(Self.table)")
    case .create: create(connection)
    case .list: list(connection, session.output)
    case .set(let name, let value): try set(name, value, connection, session)
    case .unset(let name): _ = try? connection.rows("DELETE FROM \(Self.table) WHERE key=?1", [.text(name)])
    case .help: for line in Self.spec.lines { session.output.print(line) }
    }
  }

  private func create(_ connection: Connection) {
    connection.allowingSystemNames {
      try? connection.execute(
        "CREATE TABLE IF NOT EXISTS \(Self.table)(\n  key TEXT PRIMARY KEY,\n  value\n) WITHOUT ROWID;")
    }
  }

  private func list(_ connection: Connection, _ output: OutputState) {
    guard let rows = try? connection.rows("SELECT key, quote(value) FROM \(Self.table)") else { return }
    let pairs = rows.compactMap { row -> (String, String)? in
      guard case .text(let key) = row[0], case .text(let value) = row[1] else { return nil }
      return (key, value)
    }
    // As wide as the longest name in characters, up to a limit; blanks are counted by bytes.
    let width = min(pairs.map { $0.0.unicodeScalars.count }.max() ?? 0, 40)
    for (key, value) in pairs {
      let padding = max(0, width - key.preservedBytes.count)
      output.print(key + String(repeating: " ", count: padding) + " " + value)
    }
  }

  /// Sets a parameter; a value that is not an SQL expression becomes a text.
  private func set(_ name: String, _ value: String, _ connection: Connection, _ session: Session) throws {
    create(connection)
    let head = "REPLACE INTO \(Self.table)(key,value)VALUES(\(Self.literal(name)),"
    let statement: Statement
    if let expression = try? connection.prepare("\(head)\(value));") {
      statement = expression
    } else {
      do throws(SQLiteError) {
        statement = try connection.prepare("\(head)\(Self.literal(value)));")
      } catch {
        // Among the results, as in sqlite3.
        session.output.print("Error: \(error.message)")
        throw CommandError.silent
      }
    }
    _ = try? statement.run()
  }

  private static func literal(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }
}
