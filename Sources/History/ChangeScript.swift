internal import Bytes
package import SQLite

/// Writes row changes as SQL.
///
/// Changed and removed rows are deleted first. Then all new rows are inserted with their rowids.
/// Therefore rows may exchange unique values.
package enum ChangeScript {
  /// Returns a literal that SQL reads back as exactly this value.
  package static func literal(_ value: Value) -> String {
    switch value {
    case .null: return "NULL"
    case .integer(let number): return number == .min ? "(-9223372036854775807-1)" : "\(number)"
    case .real(let number):
      // The shortest decimal number that reads back as exactly this one.
      if number.isInfinite { return number < 0 ? "-9.0e+999" : "9.0e+999" }
      return "\(number)"
    case .text(let text):
      let bytes = text.preservedBytes
      // Only a UTF-8 database can hold text with invalid bytes.
      if text.holdsStandIns { return "CAST(\(blob(bytes)) AS TEXT)" }
      guard bytes.contains(0) else { return SQLText.literal(text) }
      let pieces = text.split(separator: "\0", omittingEmptySubsequences: false)
      return "(" + pieces.map { SQLText.literal(String($0)) }.joined(separator: "||char(0)||") + ")"
    case .blob(let bytes): return blob(bytes)
    }
  }

  private static func blob(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = Array("x'".utf8)
    for byte in bytes { text.append(hexadecimal: byte) }
    return String(decoding: text, as: UTF8.self) + "'"
  }

  /// Returns the columns that identify the row of a change.
  private static func keys(_ table: TableShape) -> [String] {
    table.hasRowID ? [table.rowID ?? "rowid"] : table.primaryKey
  }

  /// Returns the condition that selects the row of a change.
  package static func condition(_ change: RowChange) -> String {
    zip(keys(change.table), change.key).map { "\(Identifier.quotedIfNeeded($0)) = \(literal($1))" }
      .joined(separator: " AND ")
  }

  /// Returns the `DELETE` of the row.
  package static func delete(_ change: RowChange) -> String {
    "DELETE FROM \(Identifier.quotedIfNeeded(change.table.name)) WHERE \(condition(change));"
  }

  /// Returns the `INSERT` of a row.
  package static func insert(_ row: RowChange.Row, _ change: RowChange) -> String {
    var columns = row.columns
    var values = row.values
    if change.table.hasRowID, change.table.rowIDColumn == nil, let rowID = change.table.rowID {
      columns.insert(rowID, at: 0)
      values.insert(change.key[0], at: 0)
    }
    return "INSERT INTO \(Identifier.quotedIfNeeded(change.table.name))"
      + "(\(columns.map { Identifier.quotedIfNeeded($0) }.joined(separator: ", "))) "
      + "VALUES(\(values.map { literal($0) }.joined(separator: ", ")));"
  }

  /// Returns the statements that change a table from its earlier state to its later one.
  package static func statements(_ changes: [RowChange]) -> [String] {
    changes.filter { $0.before != nil }.map(delete)
      + changes.compactMap { change in change.after.map { insert($0, change) } }
  }

  /// Writes a script that turns the earlier state of a comparison into the later one.
  ///
  /// If the definition of a table changed, the script creates the table again with all of its rows.
  package static func script(_ diff: RowDiff, tables: [String]? = nil, write: (String) throws -> Void) throws
  {
    let schema = diff.schemaChanges.filter { change in
      tables == nil || tables?.contains(diff.owner(of: .init(kind: change.kind, name: change.name))) == true
    }
    let isAnew = Set(schema.filter { $0.kind == "table" }.map { $0.name.lowercased() })
    try write("PRAGMA foreign_keys=OFF;")
    try write("BEGIN;")
    // The script holds the effects of triggers already, so they must not fire again.
    for (entry, _) in diff.before.entries.sorted(by: { $0.key.name < $1.key.name })
    where entry.kind == "trigger" {
      try write("DROP TRIGGER \(Identifier.quotedIfNeeded(entry.name));")
    }
    for change in schema where change.before != nil && change.kind != "table" && change.kind != "trigger" {
      guard let text = change.before, !text.isEmpty else { continue }
      try write("DROP \(change.kind.uppercased()) IF EXISTS \(Identifier.quotedIfNeeded(change.name));")
    }
    for change in schema where change.kind == "table" && change.before != nil {
      try write("DROP TABLE \(Identifier.quotedIfNeeded(change.name));")
    }
    for change in schema where change.kind == "table" {
      if let text = change.after { try write(text + ";") }
    }
    for name in tables ?? diff.tableNames {
      let name = name.lowercased()
      guard diff.after.tables[name] != nil else { continue }
      if isAnew.contains(name) {
        try diff.forEachRow(of: name) { change in
          if let row = change.after { try write(insert(row, change)) }
        }
      } else {
        var changes: [RowChange] = []
        try diff.forEachChange(of: name) { changes.append($0) }
        for statement in statements(changes) { try write(statement) }
      }
    }
    let made = diff.after.entries.filter { entry, text in
      guard !text.isEmpty, entry.kind != "table" else { return false }
      return entry.kind == "trigger" || schema.contains { $0.kind == entry.kind && $0.name == entry.name }
        || isAnew.contains(diff.owner(of: entry))
    }
    for (_, text) in made.sorted(by: { ($0.key.kind, $0.key.name) < ($1.key.kind, $1.key.name) }) {
      try write(text + ";")
    }
    try write("COMMIT;")
  }
}
