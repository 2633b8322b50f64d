internal import CSQLite
internal import Glibc

/// The objects that a statement touches, by SQLite's calls of its authorizer during compilation
/// (https://www.sqlite.org/c3ref/set_authorizer.html).
package struct StatementAccess: OptionSet, Sendable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  /// Whether it writes to the main database and needs nothing else.
  package var isMainOnly: Bool { rawValue == 1 }

  /// Writes to the main database.
  package static let writesMain = StatementAccess(rawValue: 1)
  /// Writes to a temporary or attached database.
  package static let writesOther = StatementAccess(rawValue: 2)
  /// Reads from the temporary database, or changes it beside another one.
  package static let temporary = StatementAccess(rawValue: 4)
  package static let attached = StatementAccess(rawValue: 8)
  /// Reads a table whose root page SQLite does not report.
  package static let placeless = StatementAccess(rawValue: 16)
  /// Uses a function that only this connection has, or that reports on its surroundings.
  package static let foreignFunction = StatementAccess(rawValue: 32)
  /// Reads a virtual table that reports on the connection or on pages.
  package static let foreignTable = StatementAccess(rawValue: 64)
  /// Touches the schema of temporary objects, as every `ALTER TABLE … RENAME` does.
  package static let temporarySchema = StatementAccess(rawValue: 128)
  /// Writes directly to a shadow table of a virtual table.
  package static let shadowTable = StatementAccess(rawValue: 256)
  /// Writes statistics in another way than `ANALYZE`, so that those in memory differ.
  package static let statistics = StatementAccess(rawValue: 512)
  /// Is an `ANALYZE` of the main database.
  package static let analyzes = StatementAccess(rawValue: 1024)
  static let dropsTable = StatementAccess(rawValue: 2048)
  /// Looks for a name in the schemas of all databases, temporary ones first.
  package static let allSchemas = StatementAccess(rawValue: 4096)
  /// Runs SQL from a value.
  package static let runsSQL = StatementAccess(rawValue: 8192)
  /// Uses a pragma whose answer may differ in another session, also through a virtual table.
  package static let describesSession = StatementAccess(rawValue: 16384)
}

/// Records the objects that the compiled statements of a connection touch.
final class ReachWatch {
  /// Whether nothing is recorded, because the current statements are not the user's.
  var isPaused = false
  /// Functions of every connection whose results follow from their arguments.
  var known: Set<String>
  var foreignTables: Set<String>
  /// The watch for transactions, settings and databases that the statements control.
  let control = ControlWatch()
  /// The accesses that were compiled since this was emptied.
  var reach: StatementAccess = []
  /// The function or table that is foreign.
  var name = ""
  /// Whether a statement compiled since then changes a schema by `ALTER`, which reads the temporary
  /// schema.
  var alters = false
  /// Names of the main database's virtual tables, in lower case.
  var virtualTables: Set<String> = []

  init(known: Set<String>, foreignTables: Set<String>) {
    self.known = known
    self.foreignTables = foreignTables
  }

  typealias Word = UnsafePointer<CChar>

  func note(_ action: Int32, _ first: Word?, _ second: Word?, _ database: Word?) {
    guard !isPaused else { return }
    control.note(action, first, second, database)
    switch action {
    case SQLITE_SELECT, SQLITE_RECURSIVE, SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH:
      return
    case SQLITE_PRAGMA:
      let pragma = (first.map { String(cString: $0) } ?? "").lowercased()
      if !ReplayRules.pragmas.contains(pragma), !ReplayRules.passedOver.contains(pragma) {
        // A table-valued pragma runs it; the statement contains that one.
        let isOfTable = name == "pragma_\(pragma)"
        found(.foreignFunction, isOfTable ? name : "PRAGMA \(pragma)")
      }
      if ReplayRules.namePragmas.contains(pragma) { reach.formUnion(.allSchemas) }
      if ReplayRules.sessionPragmas.contains(pragma) { reach.formUnion(.describesSession) }
    case SQLITE_FUNCTION:
      guard let second else { return }
      let function = String(cString: second)
      if known.contains(function) || ReplayRules.isInternal(function) {
        if function.hasPrefix("sh") { noteShellFunction(function) }
        return
      }
      noteShellFunction(function.lowercased())
      if !known.contains(function.lowercased()) { found(.foreignFunction, "\(function)()") }
    case SQLITE_READ:
      guard let first else { return }
      guard let database else {
        reach.formUnion(.placeless)
        return noteTable(first)
      }
      if isMain(database) { return noteTable(first) }
      if strcmp(database, "temp") != 0 { return reach.formUnion(.attached) }
      reach.formUnion(alters && strncmp(first, "sqlite_temp_", 12) == 0 ? .temporarySchema : .temporary)
    case SQLITE_REINDEX, SQLITE_ANALYZE:
      // Without a name they also process the temporary database, which changes nothing elsewhere.
      guard let database, strcmp(database, "temp") != 0 else { return }
      reach.formUnion(isMain(database) ? .writesMain : [.writesOther, .attached])
      if action == SQLITE_ANALYZE, isMain(database) {
        reach.subtract(.statistics)
        reach.formUnion(.analyzes)
      }
    default:
      if action == SQLITE_ALTER_TABLE { alters = true }
      noteTarget(action, first, second)
      if database.map({ isMain($0) }) == true { noteStatistics(action, first) }
      guard let place = action == SQLITE_ALTER_TABLE ? first : database else { return }
      if isMain(place) { return reach.formUnion(.writesMain) }
      guard strcmp(place, "temp") == 0 else { return reach.formUnion([.writesOther, .attached]) }
      let isSchema =
        action == SQLITE_UPDATE && first.map { strncmp($0, "sqlite_temp_", 12) == 0 } == true
      reach.formUnion(isSchema ? .temporarySchema : [.writesOther, .temporary])
    }
  }

  /// Notes writes that a replay could not make, because it keeps SQLite's rules for schemas.
  private func noteTarget(_ action: Int32, _ first: Word?, _ second: Word?) {
    switch action {
    case SQLITE_CREATE_VTABLE:
      let module = (second.map { String(cString: $0) } ?? "").lowercased()
      if !ReplayRules.modules.contains(module) { found(.foreignTable, "module \(module)") }
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE, SQLITE_CREATE_TABLE, SQLITE_CREATE_VIEW,
      SQLITE_CREATE_INDEX, SQLITE_CREATE_TRIGGER, SQLITE_DROP_TABLE, SQLITE_ALTER_TABLE:
      guard !virtualTables.isEmpty else { return }
      for word in [first, second] {
        guard let word else { continue }
        let name = String(cString: word).lowercased()
        if ReplayRules.isShadow(name, of: virtualTables) { reach.formUnion(.shadowTable) }
      }
    default: return
    }
  }

  /// Functions of the shell that look further than their arguments.
  private func noteShellFunction(_ function: String) {
    switch function {
    case "sha3_query": reach.formUnion(.runsSQL)
    case "shell_module_schema", "shell_add_schema": reach.formUnion(.allSchemas)
    default: break
    }
  }

  /// Notes writes to statistics; `DROP TABLE` and `ANALYZE` clear theirs.
  private func noteStatistics(_ action: Int32, _ table: Word?) {
    switch action {
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE, SQLITE_DROP_TABLE:
      guard let table, strncasecmp(table, "sqlite_stat", 11) == 0 else {
        if action == SQLITE_DROP_TABLE { reach.formUnion(.dropsTable) }
        return
      }
      if reach.isDisjoint(with: [.analyzes, .dropsTable]) { reach.formUnion(.statistics) }
    case SQLITE_DROP_VTABLE, SQLITE_DROP_VIEW: reach.formUnion(.dropsTable)
    default: return
    }
  }

  private func isMain(_ name: Word) -> Bool {
    name[0] == CChar(bitPattern: UInt8(ascii: "m")) && strcmp(name, "main") == 0
  }

  private func noteTable(_ table: Word) {
    // All of them begin with one of these letters, which excludes most tables at once.
    switch UInt8(bitPattern: table.pointee) | 0x20 {
    case UInt8(ascii: "p"), UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "f"), UInt8(ascii: "c"),
      UInt8(ascii: "m"), UInt8(ascii: "z"), UInt8(ascii: "b"), UInt8(ascii: "t"):
      let name = String(cString: table).lowercased()
      if name.hasPrefix("pragma_"), ReplayRules.namePragmas.contains(String(name.dropFirst(7))) {
        reach.formUnion(.allSchemas)
      }
      if name.hasPrefix("sqlite_temp_") || name == "sqlite_parameters" { reach.formUnion(.temporary) }
      if foreignTables.contains(name) || ReplayRules.isForeign(table: name) { found(.foreignTable, name) }
    default: return
    }
  }

  private func found(_ what: StatementAccess, _ name: String) {
    reach.formUnion(what)
    self.name = name
  }
}

extension Connection {
  /// Makes `Statement.reach` report the objects that statements touch, from now on.
  ///
  /// The connection's current functions count as known, except those that reach outside. A second
  /// call looks again.
  package func watchReach() throws(SQLiteError) {
    var known: Set<String> = []
    for row in try rows("SELECT DISTINCT lower(name) FROM pragma_function_list") {
      if case .text(let name) = row[0] { known.insert(name) }
    }
    // A function that a replay would not run makes a barrier.
    known.formIntersection(ReplayRules.functions.union(ownFunctions))
    known.subtract(outsideReach.names)
    // The parser makes calls of these by itself.
    known.formUnion(["raise", "count", "->", "->>", "regexp", "match"])
    if let watch = hooks.reach {
      watch.known = known
      watch.foreignTables = outsideReach.names
      return
    }
    let watch = ReachWatch(known: known, foreignTables: outsideReach.names)
    watch.isPaused = isQuiet
    hooks.reach = watch
    installAuthorizer()
  }

  /// The name of the function or table that makes the last compiled statement foreign.
  package var foreignName: String { hooks.reach?.name ?? "" }

  /// Sets the virtual tables of the main database: statements that can be replayed do not write
  /// their shadow tables.
  package func setVirtualTables(_ names: [String]) {
    hooks.reach?.virtualTables = Set(names.map { $0.lowercased() })
  }

  /// Forgets all accesses that were compiled so far.
  func beginReach() {
    guard let watch = hooks.reach, !watch.isPaused else { return }
    watch.reach = []
    watch.alters = false
    watch.control.begin()
  }

  /// Whether there was more than one statement's changes of rows since `beginReach` or
  /// `forgetWhatWasDone`.
  ///
  /// Another statement was compiled, a function reached outside, or a row number may have been
  /// drawn at random.
  var hasReachedFurther: Bool {
    hooks.reach?.reach.isEmpty != true || outsideReach.latest != nil || hasDrawnRow || hasInnerControl
  }

  /// Accesses that were compiled since `beginReach`; empty for statements that are not the user's.
  var presentReach: StatementAccess { isQuiet ? [] : hooks.reach?.reach ?? [] }
}
