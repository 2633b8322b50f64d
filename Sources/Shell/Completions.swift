internal import SQLite

/// The words that may stand at a position of the line being typed.
package struct Completions {
  private static let fileCommands: Set<String> = [
    "open", "read", "import", "output", "once", "save", "backup", "restore", "load", "cd", "clone", "log",
    "trace",
  ]

  private let session: Session

  package init(_ session: Session) { self.session = session }

  /// Returns candidates for the word from byte `start` of the line; nil for file names.
  package func candidates(_ word: String, in line: String, from start: Int) -> [String]? {
    if line.hasPrefix(".") { return commandCandidates(word, in: line, from: start) }
    guard !word.isEmpty else { return [] }
    // After a point only names follow.
    if let point = word.lastIndex(of: ".") {
      let head = word[...point]
      return matching(word, names().map { head + $0 })
    }
    // Keywords appear in the case of the typed letters.
    let isLower = word == word.lowercased()
    let keywords = Keywords.all.map { isLower ? $0.lowercased() : $0 }
    return matching(word, keywords + names())
  }

  private func commandCandidates(_ word: String, in line: String, from start: Int) -> [String]? {
    let typed = line.utf8.dropFirst().prefix { $0 != 32 }
    if start <= typed.count {
      let prefix = word.hasPrefix(".") ? "." : ""
      let names = (session.commands.commands + session.commands.extras).map { $0.spec }.filter {
        !$0.isHidden
      }
      return matching(word, names.map { prefix + $0.name })
    }
    guard let command = session.commands.command(named: String(decoding: typed, as: UTF8.self)) else {
      return []
    }
    // A dash ends the word for the terminal, but not for the command.
    let before = line.utf8.prefix(start)
    let head = String(decoding: before.reversed().prefix { $0 != 32 }.reversed(), as: UTF8.self)
    let isFirst = !before.dropFirst(1 + typed.count).contains { $0 != 32 && $0 != UInt8(ascii: "-") }
    let words = matching(head + word, command.spec.words).map { String($0.dropFirst(head.count)) }
    if head.hasPrefix("-") || !words.isEmpty && !word.isEmpty { return words }
    // The table of `.import` follows its file.
    if Self.fileCommands.contains(command.spec.name) && (isFirst || command.spec.name != "import") {
      return nil
    }
    return matching(word, words + names())
  }

  private func matching(_ word: String, _ candidates: [String]) -> [String] {
    let wanted = word.lowercased()
    return Set(candidates.filter { $0.lowercased().hasPrefix(wanted) }).sorted()
  }

  /// Returns names in the open database; none if it has not been opened or cannot be read now.
  private func names() -> [String] {
    guard let connection = session.database.openConnection else { return [] }
    var names: [String] = []
    let schemas = column("SELECT name FROM pragma_database_list", connection)
    names += schemas
    for schema in schemas {
      let table =
        "\"" + schema.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        + "\""
      names += column(
        "SELECT name FROM \(table).sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'", connection)
      names += column(
        "SELECT DISTINCT c.name FROM \(table).sqlite_schema AS s, pragma_table_xinfo(s.name) AS c"
          + " WHERE s.type IN ('table', 'view')", connection)
    }
    return names + column("SELECT DISTINCT name FROM pragma_function_list", connection)
  }

  private func column(_ sql: String, _ connection: Connection) -> [String] {
    guard let rows = try? connection.rows(sql) else { return [] }
    return rows.compactMap { row in
      guard case .text(let text)? = row.first else { return nil }
      return text
    }
  }
}
