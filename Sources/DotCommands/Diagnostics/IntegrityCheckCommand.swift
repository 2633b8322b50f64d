internal import SQLite
internal import Shell

/// `.intck`: checks a database, and prints the number of steps and errors.
///
/// A step is a row of the schema, a table, a row of a table, an index, or a row that an index is
/// compared with. The errors are those of `PRAGMA integrity_check`.
struct IntegrityCheckCommand: DotCommand {
  static let spec = CommandSpec(
    name: "intck", shortest: 2, usage: "?STEPS_PER_UNLOCK?",
    summary: " Run an incremental integrity check on the db", correction: ".intck STEPS_PER_UNLOCK")
  static func isKnown(_ dialect: Dialect) -> Bool { dialect.hasIntegrityCheck }

  init(parsing words: inout Words) throws(CommandError) {
    if let word = words.optional(), Numbers.integer(word) <= 0 { throw .usage }
    try words.finish()
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    var errors = 0
    var steps = 0
    var failure: SQLiteError?
    do throws(SQLiteError) {
      steps = try Self.steps(connection)
      for case .text(let line) in try connection.rows("PRAGMA main.integrity_check").compactMap(\.first)
      where line != "ok" {
        session.output.print(line)
        errors += 1
      }
    } catch {
      failure = error
    }
    if let failure, failure.code.primary == .corrupt {
      session.output.print("corruption found while reading database schema")
      (steps, errors) = (1, 1)
    }
    session.output.print("\(steps) steps, \(errors) errors")
    guard let failure, failure.code.primary != .corrupt else { return }
    session.failureCode = failure.code.primary.rawValue
    throw CommandError.message(failure.message)
  }

  private static func steps(_ connection: Connection) throws(SQLiteError) -> Int {
    let objects = try connection.rows("SELECT type, name, tbl_name, rootpage, sql FROM main.sqlite_schema")
    var steps = 1 + objects.count
    for object in objects {
      guard case .text(let type) = object[0], case .text(let name) = object[1],
        case .text(let table) = object[2],
        case .integer(let page) = object[3], page > 0
      else { continue }
      steps += 1 + (try count("", table, connection))
      guard type == "index" else { continue }
      var condition = ""
      if case .text(let sql) = object[4] { condition = String(Self.condition(of: sql)) }
      steps += try count("INDEXED BY \(Identifier.quoted(name)) \(condition)", table, connection)
    }
    return steps
  }

  /// Returns the text after the columns of an index: the condition of a partial one, which has
  /// fewer rows than its table.
  private static func condition(of sql: String) -> Substring {
    var depth = 0
    var quote: Character?
    for (index, character) in zip(sql.indices, sql) {
      if let open = quote {
        if character == (open == "[" ? "]" : open) { quote = nil }
      } else if "'\"`[".contains(character) {
        quote = character
      } else if character == "(" {
        depth += 1
      } else if character == ")" {
        depth -= 1
        if depth == 0 { return sql[sql.index(after: index)...] }
      }
    }
    return ""
  }

  private static func count(
    _ index: String, _ table: String, _ connection: Connection
  ) throws(SQLiteError) -> Int {
    let query = "SELECT count(*) FROM main.\(Identifier.quoted(table))"
    var value = (try? connection.value("\(query) \(index)")) ?? nil
    if value == nil { value = try connection.value(query) }
    guard case .integer(let number)? = value else { return 0 }
    return Int(number)
  }
}
