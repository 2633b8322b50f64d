internal import SQLite
internal import Shell

/// `.imposter`: makes a table that shows the content of an index.
struct ImposterCommand: DotCommand {
  static let spec = CommandSpec(
    name: "imposter", shortest: 3, usage: "INDEX TABLE",
    summary: "Create imposter table TABLE on index INDEX",
    correction: ".imposter INDEX IMPOSTER\n       .imposter off", isForTests: Dialect.current.hidesUnsafeTests
  )
  private let index: String
  private let table: String?
  private let isUsage: Bool

  init(parsing words: inout Words) throws(CommandError) {
    let first = words.optional()
    table = words.optional()
    isUsage = first == nil || !words.isEmpty || table == nil && first?.lowercased() != "off"
    index = first ?? ""
  }

  func run(in session: Session) throws {
    guard session.settings.allowsUnsafeTests else {
      throw CommandError.message(".imposter unavailable without --unsafe-testing")
    }
    guard !isUsage else { throw CommandError.usage }
    let connection = try session.connection
    guard let table else {
      connection.setImposter("main", 0, page: 1)
      return
    }
    let name = SQLText.literal(index)
    let root = try? connection.rows(
      "SELECT rootpage, 0 FROM sqlite_schema WHERE name=\(name) AND type='index' UNION ALL "
        + "SELECT rootpage, 1 FROM sqlite_schema WHERE name=\(name) AND type='table'"
        + " AND sql LIKE '%without%rowid%'"
    ).first
    guard let root, case .integer(let page) = root[0], page != 0 else {
      throw CommandError.message("no such index: \"\(index)\"")
    }
    let isTable = root[1] == .integer(1)
    let sql = try describe(table, isTable, connection)
    connection.setImposter("main", 1, page: Int32(truncatingIfNeeded: page))
    defer { connection.setImposter("main", 0, page: 0) }
    do throws(SQLiteError) {
      try connection.execute(sql)
    } catch {
      throw CommandError.message("Error in [\(sql)]: \(error.message)")
    }
    session.output.writeToStandardOutput("\(sql);\n")
    session.output.writeToStandardOutput(
      "WARNING: writing to an imposter table will corrupt the \"\(index)\" \(isTable ? "table" : "index")!\n")
  }

  /// Returns the statement for a table with the columns of the index, or of a table without rowid.
  private func describe(_ table: String, _ isTable: Bool, _ connection: Connection) throws -> String {
    var columns: [String] = []
    var keyCount: Int?
    var expressions = 0
    for row in try connection.rows("PRAGMA index_xinfo=\(SQLText.literal(index))") {
      var name = "_ROWID_"
      if row[1] == .integer(-2) {
        expressions += 1
        name = "expr\(expressions)"
      } else if case .text(let text) = row[2] {
        name = text
      }
      if isTable, row[5] == .integer(0), keyCount == nil { keyCount = columns.count }
      columns.append(Self.quoted(name))
    }
    let key = columns.prefix(keyCount ?? columns.count).joined(separator: ",")
    return
      "CREATE TABLE \(Self.quoted(table))(\(columns.joined(separator: ",")),PRIMARY KEY(\(key)))WITHOUT ROWID"
  }

  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
