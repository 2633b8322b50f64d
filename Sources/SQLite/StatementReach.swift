internal import CSQLite
internal import Glibc

/// What a statement touches, as SQLite tells its authorizer while it compiles (https://www.sqlite.org/c3ref/set_authorizer.html).
package struct StatementReach: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Whether it writes to the main database and needs nothing else.
  package var isMainOnly: Bool { rawValue == 1 }

  /// Writes to the main database.
  package static let writesMain = StatementReach(rawValue: 1)
  /// Writes to a temporary or attached one.
  package static let writesOther = StatementReach(rawValue: 2)
  /// Reads from the temporary database, or changes it beside another.
  package static let temporary = StatementReach(rawValue: 4)
  package static let attached = StatementReach(rawValue: 8)
  /// Reads a table of which SQLite does not say where it is.
  package static let placeless = StatementReach(rawValue: 16)
  /// Uses a function that only this connection has, or one that tells of the surroundings.
  package static let foreignFunction = StatementReach(rawValue: 32)
  /// Reads a virtual table that tells of the connection or of pages.
  package static let foreignTable = StatementReach(rawValue: 64)
  /// Touches the schema of temporary objects, as every `ALTER TABLE … RENAME` does.
  package static let temporarySchema = StatementReach(rawValue: 128)
}

/// Notes the reach of the statements that a connection compiles.
final class ReachWatch {
  /// What was noted so far.
  var noted: (StatementReach, String) {
    get { (reach, name) }
    set { (reach, name) = newValue }
  }
  /// Functions that any connection has and that follow from their arguments.
  var known: Set<String>
  var foreignTables: Set<String>
  /// What is controlled beside.
  let control = ControlWatch()
  /// Of what was compiled since this was emptied.
  var reach: StatementReach = []
  /// The function or table that is foreign.
  var name = ""

  init(known: Set<String>, foreignTables: Set<String>) {
    self.known = known
    self.foreignTables = foreignTables
  }

  typealias Word = UnsafePointer<CChar>

  func note(_ action: Int32, _ first: Word?, _ second: Word?, _ database: Word?) {
    control.note(action, first, second, database)
    switch action {
    case SQLITE_SELECT, SQLITE_RECURSIVE, SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_PRAGMA, SQLITE_ATTACH,
      SQLITE_DETACH:
      return
    case SQLITE_FUNCTION:
      guard let second else { return }
      let function = String(cString: second)
      if known.contains(function) || function.hasPrefix("sqlite_rename_") || function == "sqlite_drop_column"
      {
        return
      }
      if !known.contains(function.lowercased()) { found(.foreignFunction, "\(function)()") }
    case SQLITE_READ:
      guard let first else { return }
      guard let database else {
        reach.formUnion(.placeless)
        return noteTable(first)
      }
      if isMain(database) { return noteTable(first) }
      if strcmp(database, "temp") != 0 { return reach.formUnion(.attached) }
      reach.formUnion(strncmp(first, "sqlite_temp_", 12) == 0 ? .temporarySchema : .temporary)
    case SQLITE_REINDEX, SQLITE_ANALYZE:
      // Without a name they go over the temporary database as well, which changes nothing elsewhere.
      guard let database, strcmp(database, "temp") != 0 else { return }
      reach.formUnion(isMain(database) ? .writesMain : [.writesOther, .attached])
    default:
      guard let place = action == SQLITE_ALTER_TABLE ? first : database else { return }
      if isMain(place) { return reach.formUnion(.writesMain) }
      guard strcmp(place, "temp") == 0 else { return reach.formUnion([.writesOther, .attached]) }
      let isSchema =
        action == SQLITE_UPDATE && first.map { strncmp($0, "sqlite_temp_", 12) == 0 } == true
      reach.formUnion(isSchema ? .temporarySchema : [.writesOther, .temporary])
    }
  }

  private func isMain(_ name: Word) -> Bool {
    name[0] == CChar(bitPattern: UInt8(ascii: "m")) && strcmp(name, "main") == 0
  }

  private func noteTable(_ table: Word) {
    // All of them begin with one of these letters: most tables are told apart by it.
    switch UInt8(bitPattern: table.pointee) | 0x20 {
    case UInt8(ascii: "p"), UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "f"), UInt8(ascii: "c"),
      UInt8(ascii: "m"), UInt8(ascii: "z"):
      let name = String(cString: table).lowercased()
      if foreignTables.contains(name)
        || name.hasPrefix("pragma_") && !ConnectionReach.schemaPragmas.contains(name)
      {
        found(.foreignTable, name)
      }
    default: return
    }
  }

  private func found(_ what: StatementReach, _ name: String) {
    reach.formUnion(what)
    self.name = name
  }
}

/// Which functions and tables tell of more than the database.
private enum ConnectionReach {
  /// Table-valued pragmas that read nothing but the schema.
  static let schemaPragmas: Set<String> = [
    "pragma_table_info", "pragma_table_xinfo", "pragma_index_list", "pragma_index_info", "pragma_index_xinfo",
    "pragma_foreign_key_list", "pragma_foreign_key_check", "pragma_integrity_check", "pragma_quick_check",
    "pragma_user_version", "pragma_application_id", "pragma_encoding", "pragma_collation_list",
  ]
  /// Functions of SQLite whose answers depend on the library, the file's pages or the connection.
  static let volatile: Set<String> = [
    "load_extension", "sqlite_offset", "fts3_tokenizer", "sqlite_compileoption_get",
    "sqlite_compileoption_used", "sqlite_version", "sqlite_source_id", "fts5_source_id", "fts5",
  ]
  static let tables: Set<String> = [
    "sqlite_dbpage", "sqlite_stmt", "dbstat", "completion", "fsdir", "zipfile",
  ]
}

extension Connection {
  /// From now on `Statement.reach` tells what statements touch.
  ///
  /// Functions that the connection has now count as known, except those that reach outside. Called again, it looks anew.
  package func watchReach() throws(SQLiteError) {
    var known: Set<String> = []
    for row in try rows("SELECT DISTINCT lower(name) FROM pragma_function_list") {
      if case .text(let name) = row[0] { known.insert(name) }
    }
    known.subtract(ConnectionReach.volatile)
    known.subtract(outsideReach.names)
    // Of these the parser makes calls by itself.
    known.formUnion(["raise", "count", "->", "->>", "regexp", "match"])
    if let watch = hooks.reach {
      watch.known = known
      return
    }
    hooks.reach = ReachWatch(known: known, foreignTables: ConnectionReach.tables.union(outsideReach.names))
    installAuthorizer()
  }

  /// Name of the function or table that makes the last statement compiled foreign.
  package var foreignName: String { hooks.reach?.name ?? "" }

  /// Forgets what was compiled so far.
  func beginReach() {
    guard let watch = hooks.reach else { return }
    watch.reach = []
    watch.control.begin()
  }

  /// Whether anything since `beginReach`, or since `forgetWhatWasDone`, is more than one statement's changes of rows: something
  /// else was compiled, a function reached outside, or a row number may have been drawn at random.
  var hasReachedFurther: Bool {
    hooks.reach?.reach.isEmpty != true || outsideReach.latest != nil || hasDrawnRow || hasInnerControl
  }

  /// What was compiled since `beginReach`.
  var presentReach: StatementReach { hooks.reach?.reach ?? [] }
}
