import Bytes
import SQLite

/// Keeps compiled statements for all statements that differ from them only in literals.
struct ShapeCache {
  private let connection: Connection
  private var shape = StatementShape()
  private var known: [[UInt8]: Statement?] = [:]
  private var last: (key: [UInt8], statement: Statement?) = ([], nil)
  /// The maximum number of shapes.
  private static let most = 200
  /// Statements with parameters, by their texts.
  private var texts: [[UInt8]: Statement] = [:]
  private var lastText: (key: [UInt8], statement: Statement?) = ([], nil)
  private static let longestText = 4096

  init(_ connection: Connection) { self.connection = connection }

  /// Removes all: the schema or the settings have changed.
  mutating func removeAll() {
    known.removeAll()
    last = ([], nil)
    texts.removeAll()
    lastText = ([], nil)
  }

  /// Returns a statement with the text's effect, with its literals bound; nil if the text must be
  /// compiled.
  ///
  /// The literals' texts are borrowed until the next call.
  mutating func statement(_ script: [UInt8], _ range: Range<Int>) -> Statement? {
    guard !range.isEmpty, shape.read(script, range) else { return nil }
    if last.key != shape.key { last = (shape.key, find()) }
    guard let statement = last.statement else { return nil }
    do throws(SQLiteError) {
      for (index, literal) in shape.literals.enumerated() {
        switch literal {
        case .integer(let number): try statement.bindInteger(number, at: index + 1)
        case .text(let start): try statement.bindBorrowedText(shape.texts, from: start, at: index + 1)
        }
      }
    } catch {
      return nil
    }
    return statement
  }

  /// Returns the kept statement for exactly this text.
  mutating func known(_ script: [UInt8], _ range: Range<Int>) -> Statement? {
    guard range.count <= Self.longestText else { return nil }
    if Kernels.isEqual(lastText.key, script, range) { return lastText.statement }
    guard let statement = texts[Array(script[range])] else { return nil }
    lastText = (Array(script[range]), statement)
    return statement
  }

  /// Keeps a statement that has parameters.
  mutating func keep(_ statement: Statement, _ script: [UInt8], _ range: Range<Int>) {
    guard range.count <= Self.longestText else { return }
    if texts.count >= Self.most { texts.removeAll() }
    lastText = (Array(script[range]), statement)
    texts[lastText.key] = statement
  }

  private mutating func find() -> Statement? {
    if let found = known[shape.key] { return found }
    if known.count >= Self.most { known.removeAll() }
    let made = make()
    known[shape.key] = .some(made)
    return made
  }

  private func make() -> Statement? {
    guard shape.kind == .insert || findsOneRow() else { return nil }
    let made = try? connection.prepare(shape.key + [0], persistent: true)
    guard let made, let statement = made.statement, made.next >= shape.key.count,
      statement.parameterCount == shape.literals.count
    else { return nil }
    return statement
  }

  /// Returns whether the condition's column is unique by itself, so that at most one row fits.
  private func findsOneRow() -> Bool {
    let table = String(decoding: shape.key[shape.table], as: UTF8.self)
    let column = String(decoding: shape.key[shape.column], as: UTF8.self)
    guard
      case .text("table") = try? connection.value(
        "SELECT type FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')"
          + " AND rootpage > 0", [.text(table)]),
      let collation = connection.collation(of: column, in: table)
    else { return false }
    let columns = try? connection.rows(
      "SELECT lower(type), pk, (SELECT max(pk) FROM pragma_table_info(?1)) FROM pragma_table_info(?1)"
        + " WHERE name = ?2 COLLATE NOCASE", [.text(table), .text(column)])
    guard let facts = columns?.first else { return false }
    // > A table with an INTEGER PRIMARY KEY: that is its row number.
    if facts == [.text("integer"), .integer(1), .integer(1)] { return true }
    let unique = try? connection.value(
      "SELECT 1 FROM pragma_index_list(?1) l WHERE l.\"unique\" AND NOT l.partial AND"
        + " (SELECT count(*) FROM pragma_index_xinfo(l.name) WHERE key) = 1 AND EXISTS"
        + " (SELECT 1 FROM pragma_index_xinfo(l.name) WHERE key AND name = ?2 COLLATE NOCASE"
        + " AND coll = ?3 COLLATE NOCASE)", [.text(table), .text(column), .text(collation)])
    return unique == .integer(1)
  }
}
