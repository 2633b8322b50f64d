internal import SQLite

/// A foreign key of a table.
struct ForeignKey {
  let child: String
  let parent: String
  private let columns: [String]
  /// `parent(columns)`; nil if the parent is unknown.
  private let target: String?
  /// A clause for each column whose collation is not the parent's, empty for the others.
  private let collations: [String]

  /// Returns all foreign keys of the main database, by child or by parent.
  static func all(_ connection: Connection, byParent: Bool) throws(SQLiteError) -> [ForeignKey] {
    let rows = try connection.rows(
      """
      SELECT s.name, f.id, f."table", f."from", coalesce(f."to", p.name)
      FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f
      LEFT JOIN pragma_table_info AS p ON (p.pk-1=f.seq AND p.arg=f."table")
      ORDER BY \(byParent ? "f.\"table\"," : "") s.name, f.id, f.seq
      """)
    var keys: [ForeignKey] = []
    var at = 0
    while at < rows.count {
      let group = rows[at...].prefix { $0[0] == rows[at][0] && $0[1] == rows[at][1] && $0[2] == rows[at][2] }
      keys.append(ForeignKey(Array(group), connection))
      at += group.count
    }
    return keys
  }

  private init(_ rows: [[Value]], _ connection: Connection) {
    func text(_ value: Value) -> String? {
      guard case .text(let text) = value else { return nil }
      return text
    }
    child = text(rows[0][0]) ?? ""
    parent = text(rows[0][2]) ?? ""
    columns = rows.map { text($0[3]) ?? "" }
    let targets = rows.compactMap { text($0[4]) }
    target = targets.isEmpty ? nil : "\(parent)(\(targets.joined(separator: ",")))"
    var collations: [String] = []
    for row in rows {
      var clause = ""
      if let target = text(row[4]), let wanted = connection.collation(of: target, in: parent),
        let present = connection.collation(of: text(row[3]) ?? "", in: child),
        wanted.lowercased() != present.lowercased()
      {
        clause = " COLLATE \(wanted)"
      }
      collations.append(clause)
    }
    self.collations = collations
  }

  /// Returns whether SQLite finds the children of a row without reading all of them.
  func hasIndex(_ connection: Connection) throws(SQLiteError) -> Bool {
    let conditions = zip(columns, collations).map { "\(Identifier.quoted($0))=?\($1)" }
    let plan = try connection.rows(
      "EXPLAIN QUERY PLAN SELECT 1 FROM \(Identifier.quoted(child)) WHERE "
        + conditions.joined(separator: " AND "))
    let wanted = columns.map { $0 + "=?" }.sorted()
    for case .text(let detail) in plan.map({ $0[3] }) {
      if TextPattern.glob("SEARCH \(child) USING INTEGER PRIMARY KEY (rowid=?)", detail) { return true }
      // The terms are in the order of the index.
      guard TextPattern.glob("SEARCH \(child) USING *INDEX *(*)*", detail),
        let open = detail.lastIndex(of: "("), let close = detail.lastIndex(of: ")"), open < close
      else { continue }
      let terms = detail[detail.index(after: open)..<close].components(separatedBy: " AND ")
      if terms.sorted() == wanted { return true }
    }
    return false
  }

  /// The statement that creates the missing index.
  var proposal: String {
    let list = zip(columns, collations).map { SQLText.literal($0) + $1 }.joined(separator: ", ")
    let name = SQLText.literal("\(child)_\(columns.joined(separator: "_"))")
    return "CREATE INDEX \(name) ON \(SQLText.literal(child))(\(list)); --> \(target ?? "(null)")"
  }

  /// The line for a key that has its index.
  var reassurance: String {
    "/* no extra indexes required for \(child)(\(columns.joined(separator: ", "))) -> \(target ?? "(null)") */"
  }
}

extension Substring {
  /// Returns the parts between the occurrences of a word.
  fileprivate func components(separatedBy word: String) -> [String] {
    var parts: [String] = []
    var rest = self
    while let first = rest.indices.first(where: { rest[$0...].hasPrefix(word) }) {
      parts.append(String(rest[..<first]))
      rest = rest[first...].dropFirst(word.count)
    }
    return parts + [String(rest)]
  }
}
