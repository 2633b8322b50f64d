import Bytes
import SQLite

/// Finds the first difference between the contents of two databases.
package enum DatabaseComparison {
  /// Returns a sentence about the first difference; nil if there is none.
  ///
  /// `left` and `right` are the names of the databases in it.
  package static func difference(
    _ left: (name: String, content: DatabaseContent), _ right: (name: String, content: DatabaseContent)
  ) -> String? {
    let ours = left.content.tables
    let theirs = right.content.tables
    for (index, table) in ours.enumerated() {
      guard index < theirs.count, theirs[index].name == table.name else {
        return "table \(table.name) is in \(left.name) only"
      }
      let other = theirs[index]
      guard table != other else { continue }
      if table.name == DatabaseContent.schema { return "the schema differs" }
      let rows =
        table.rows == other.rows ? "" : ": \(table.rows) rows in \(left.name), \(other.rows) in \(right.name)"
      return "table \(table.name) differs\(rows)"
    }
    return theirs.count > ours.count ? "table \(theirs[ours.count].name) is in \(right.name) only" : nil
  }

  /// Returns the first different row of a table, or line of the schema: its number from 1, and its
  /// rowid.
  static func firstRow(of table: String, _ left: Connection, _ right: Connection) throws -> String? {
    let isSchema = table == DatabaseContent.schema
    func rows(_ connection: Connection) throws -> Statement {
      try isSchema
        ? connection.prepare(DatabaseContent.schemaQuery) : DatabaseContent.rows(of: table, connection)
    }
    let (ours, theirs) = (try rows(left), try rows(right))
    let (one, other) = (ByteBuffer(), ByteBuffer())
    var number = 0
    while true {
      number += 1
      let (hasOne, hasOther) = (try ours.step(), try theirs.step())
      guard hasOne || hasOther else { return nil }
      one.removeAll()
      other.removeAll()
      if hasOne { DatabaseContent.append(ours, to: one) }
      if hasOther { DatabaseContent.append(theirs, to: other) }
      guard hasOne != hasOther || one.bytes != other.bytes else { continue }
      let row = hasOne ? ours : theirs
      if isSchema { return "\(row.text(at: 0) ?? "") \(row.text(at: 1) ?? "")" }
      let key = row.columnName(at: 0).lowercased()
      return ["rowid", "_rowid_", "oid"].contains(key)
        ? "row \(number) (rowid \(row.integer(at: 0)))" : "row \(number)"
    }
  }

  /// The first difference.
  struct Difference {
    let sentence: String
    /// The table, or `DatabaseContent.schema`; nil if one of the databases lacks it.
    let table: String?
  }

  /// Compares two files that no process writes to; nil if their contents are equal.
  static func difference(
    _ left: (name: String, path: String), _ right: (name: String, path: String),
    checking checkInterrupt: () throws -> Void
  ) throws -> Difference? { try look(left, right, checkInterrupt).difference }

  /// Compares two files that no process writes to.
  ///
  /// Returns their common content, or throws `.differs` with the first difference.
  static func compare(
    _ left: (name: String, path: String), _ right: (name: String, path: String),
    checking checkInterrupt: () throws -> Void
  ) throws -> DatabaseContent {
    let found = try look(left, right, checkInterrupt)
    guard let difference = found.difference else { return found.content }
    throw RestoreError(
      .differs, "compare \(left.name) with \(right.name): \(difference.sentence)")
  }

  private static func look(
    _ left: (name: String, path: String), _ right: (name: String, path: String),
    _ checkInterrupt: () throws -> Void
  ) throws -> (content: DatabaseContent, difference: Difference?) {
    let (ours, theirs) = (try open(left.path), try open(right.path))
    defer {
      ours.close()
      theirs.close()
    }
    let content = try DatabaseContent(of: ours, checking: checkInterrupt)
    let other = try DatabaseContent(of: theirs, checking: checkInterrupt)
    guard let difference = difference((left.name, content), (right.name, other)) else {
      return (content, nil)
    }
    let table = zip(content.tables, other.tables).first { $0.0 != $0.1 && $0.0.name == $0.1.name }?.0.name
    let row = try table.flatMap { try firstRow(of: $0, ours, theirs) }
    return (
      content, Difference(sentence: difference + (row.map { ", first at \($0)" } ?? ""), table: table)
    )
  }

  /// Opens a database that no other process uses, without lock, log and shared memory.
  static func open(_ path: String) throws -> Connection {
    var name = ""
    for character in path {
      switch character {
      case "%": name += "%25"
      case "?": name += "%3f"
      case "#": name += "%23"
      default: name.append(character)
      }
    }
    let connection = try Connection("file:\(name)?immutable=1", [.readOnly, .uri])
    // Functions that its schema calls run while rows are read and checked.
    try connection.distrustDatabase()
    return connection
  }

  /// Throws the faults that SQLite finds in a file
  /// (https://www.sqlite.org/pragma.html#pragma_quick_check).
  static func quickCheck(_ path: String, checking checkInterrupt: @escaping () throws -> Void) throws {
    let connection = try open(path)
    defer { connection.close() }
    connection.setProgressHandler(every: 100_000) { (try? checkInterrupt()) == nil }
    let answer: Value?
    do throws(SQLiteError) {
      answer = try connection.value("PRAGMA quick_check(1)")
    } catch {
      try checkInterrupt()
      throw RestoreError(.differs, "check the restored database: \(error.message)")
    }
    guard answer == .text("ok") else {
      let text = if case .text(let text)? = answer { text } else { "no answer" }
      throw RestoreError(.differs, "check the restored database: \(text)")
    }
  }
}
