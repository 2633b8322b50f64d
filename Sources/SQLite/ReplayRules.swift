internal import CSQLite
internal import Glibc

/// What statements of a replica may use.
///
/// The recorder logs nothing else, and a replay runs nothing else; both use the same lists. A
/// statement that uses more is a barrier if it is recorded, and ends a replay if it is read.
package enum ReplayRules {
  /// Functions of SQLite whose results follow from their arguments, the database, and the recorded
  /// inputs.
  ///
  /// Functions of later versions than 3.40 are included, so that a newer library needs no new
  /// program.
  static let functions: Set<String> = Set(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling changes char coalesce concat concat_ws cos cosh
    count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format fts5_get_locale fts5_insttoken fts5_locale glob group_concat hex highlight if ifnull iif instr json json_array
    json_array_insert json_array_length json_each json_error_position json_extract json_group_array json_group_object
    json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb
    jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch
    jsonb_remove jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln log
    log10 log2 lower ltrim match matchinfo max median min mod nth_value ntile nullif octet_length offsets optimize
    percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians raise random randomblob rank
    regexp regexpi replace round row_number rtreecheck rtreedepth rtreenode rtrim sign sin sinh snippet soundex sqlite_log
    sqrt strftime string_agg substr substring subtype sum tan tanh time timediff total total_changes trim trunc typeof
    unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob geopoly_area geopoly_bbox geopoly_blob geopoly_ccw
    geopoly_contains_point geopoly_debug geopoly_group_bbox geopoly_json geopoly_overlap geopoly_regular geopoly_svg
    geopoly_within geopoly_xform
    """.split(whereSeparator: \.isWhitespace).map { String($0) })

  /// Functions that only SQLite itself calls.
  static func isInternal(_ function: String) -> Bool {
    function.hasPrefix("sqlite_rename_") || function == "sqlite_drop_column"
      || function == "sqlite_fail" || function == "sqlite_add_constraint"
      || function == "sqlite_drop_constraint" || function == "sqlite_find_constraint"
  }

  /// Modules for virtual tables, and those that are tables by themselves.
  static let modules: Set<String> = [
    "fts3", "fts4", "fts4aux", "fts5", "fts5vocab", "fts3tokenize", "rtree", "rtree_i32", "geopoly",
    "json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series",
  ]

  /// Tables of `PRAGMA`s that read only the database.
  static let schemaPragmas: Set<String> = [
    "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "foreign_key_check", "integrity_check", "quick_check", "user_version", "application_id", "encoding",
  ]

  /// Those of them that read all databases of a session.
  static let namePragmas: Set<String> = [
    "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "foreign_key_check", "integrity_check", "quick_check",
  ]

  /// `PRAGMA`s that change the effect of statements; a session's values are recorded.
  package static let settings = [
    "encoding", "page_size", "auto_vacuum", "foreign_keys", "recursive_triggers", "ignore_check_constraints",
    "legacy_alter_table", "trusted_schema", "reverse_unordered_selects", "automatic_index", "analysis_limit",
    "full_column_names", "short_column_names", "defer_foreign_keys",
  ]

  /// `PRAGMA`s that may be in statements; virtual tables use the last of them.
  static let pragmas: Set<String> = schemaPragmas.union(settings).union([
    "case_sensitive_like", "schema_version", "incremental_vacuum", "optimize", "default_cache_size",
    "data_version",
  ])

  /// Those of them whose answers differ in a replay.
  static let sessionPragmas: Set<String> = pragmas.subtracting(schemaPragmas).subtracting(settings)

  /// `PRAGMA`s that may have a value or an argument: a replay has it too, or it does not change the
  /// effect of statements.
  ///
  /// After any other one, nothing of the session is replayed.
  static let knownToSet: Set<String> = pragmas.union(passedOver).union([
    "busy_timeout", "cache_size", "cache_spill", "cell_size_check", "checkpoint_fullfsync", "count_changes",
    "data_store_directory", "empty_result_callbacks", "fullfsync", "hard_heap_limit", "journal_size_limit",
    "locking_mode", "max_page_count", "mmap_size", "query_only", "read_uncommitted", "secure_delete",
    "shrink_memory",
    "soft_heap_limit", "synchronous", "table_list", "temp_store", "temp_store_directory", "threads",
    "wal_autocheckpoint", "writable_schema",
  ])

  /// `PRAGMA`s that do not change a database's content; a replay skips them.
  static let passedOver: Set<String> = ["journal_mode", "wal_checkpoint"]

  /// Tables that exist without being made, and that report on connection, pages or library.
  static let foreignTables: Set<String> = [
    "sqlite_dbpage", "sqlite_stmt", "dbstat", "completion", "fsdir", "zipfile", "bytecode", "tables_used",
    "mirror_log", "csv", "carray",
  ]

  /// Returns whether a table of this name, in lower case, reports on more than the database.
  static func isForeign(table name: String) -> Bool {
    if name.hasPrefix("pragma_") { return !schemaPragmas.contains(String(name.dropFirst(7))) }
    return foreignTables.contains(name)
  }

  /// Returns whether a table of this name may be a shadow table of a virtual table.
  static func isShadow(_ table: String, of virtualTables: Set<String>) -> Bool {
    guard let at = table.lastIndex(of: "_") else { return false }
    return shadowNames.contains(String(table[table.index(after: at)...]))
      && virtualTables.contains(String(table[..<at]))
  }

  private static let shadowNames: Set<String> = [
    "content", "segdir", "segments", "docsize", "stat", "config", "data", "idx", "node", "parent", "rowid",
  ]
}

/// Refuses statements that no recorder can have logged, while statements of a replica are compiled
/// and run.
///
/// Belongs to the thread of its connection.
package final class ReplayGuard {
  /// The first refusal since this was cleared, in words; nil if there was none.
  package var refusal: String?
  /// Whether the current statement is a `VACUUM`, which attaches a temporary database of its own.
  package var isVacuum = false
  private let functions: Set<String>

  /// `own` are this program's functions that use only their arguments and the database, in lower
  /// case.
  init(own: Set<String>) { functions = ReplayRules.functions.union(own) }

  typealias Word = UnsafePointer<CChar>

  func answer(_ action: Int32, _ first: Word?, _ second: Word?) -> Int32 {
    switch action {
    case SQLITE_READ: return first.map { read($0) } ?? SQLITE_OK
    case SQLITE_FUNCTION:
      let name = second.map { String(cString: $0) } ?? ""
      if functions.contains(name) || functions.contains(name.lowercased()) || ReplayRules.isInternal(name) {
        return SQLITE_OK
      }
      return refuse("function \(name)()")
    case SQLITE_PRAGMA:
      let name = (first.map { String(cString: $0) } ?? "").lowercased()
      if ReplayRules.pragmas.contains(name) { return SQLITE_OK }
      if ReplayRules.passedOver.contains(name) { return SQLITE_IGNORE }
      return refuse("PRAGMA \(name)")
    case SQLITE_ATTACH:
      // A name that is not a literal arrives as none.
      return isVacuum && first?.pointee == 0 ? SQLITE_OK : refuse("ATTACH")
    case SQLITE_DETACH: return refuse("DETACH")
    case SQLITE_CREATE_VTABLE:
      let module = (second.map { String(cString: $0) } ?? "").lowercased()
      return ReplayRules.modules.contains(module) ? SQLITE_OK : refuse("virtual table module \(module)")
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE, SQLITE_SELECT, SQLITE_RECURSIVE, SQLITE_TRANSACTION,
      SQLITE_SAVEPOINT, SQLITE_CREATE_INDEX, SQLITE_CREATE_TABLE, SQLITE_CREATE_TRIGGER, SQLITE_CREATE_VIEW,
      SQLITE_DROP_INDEX, SQLITE_DROP_TABLE, SQLITE_DROP_TRIGGER, SQLITE_DROP_VIEW, SQLITE_DROP_VTABLE,
      SQLITE_ALTER_TABLE, SQLITE_REINDEX, SQLITE_ANALYZE:
      return SQLITE_OK
    case SQLITE_CREATE_TEMP_INDEX, SQLITE_CREATE_TEMP_TABLE, SQLITE_CREATE_TEMP_TRIGGER,
      SQLITE_CREATE_TEMP_VIEW, SQLITE_DROP_TEMP_INDEX, SQLITE_DROP_TEMP_TABLE, SQLITE_DROP_TEMP_TRIGGER,
      SQLITE_DROP_TEMP_VIEW:
      return refuse("temporary \(first.map { String(cString: $0) } ?? "object")")
    default: return refuse("action \(action) of SQLite's authorizer")
    }
  }

  private func read(_ table: Word) -> Int32 {
    switch UInt8(bitPattern: table.pointee) | 0x20 {
    case UInt8(ascii: "p"), UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "f"), UInt8(ascii: "c"),
      UInt8(ascii: "m"), UInt8(ascii: "z"), UInt8(ascii: "b"), UInt8(ascii: "t"):
      let name = String(cString: table).lowercased()
      return ReplayRules.isForeign(table: name) ? refuse("table \(name)") : SQLITE_OK
    default: return SQLITE_OK
    }
  }

  private func refuse(_ what: String) -> Int32 {
    note(refused: what)
    return SQLITE_DENY
  }

  /// Notes a use that no recorder logs; the first note counts.
  package func note(refused what: String) {
    if refusal == nil { refusal = what }
  }
}

extension Connection {
  /// Protects the connection from a schema that an attacker wrote.
  ///
  /// Schema and pages can be written by SQLite's rules only, no file can be attached, and
  /// `fts3_tokenizer()`, which takes an address and calls it, always fails
  /// (https://www.sqlite.org/fts3.html#custom_application_defined_tokenizers).
  package func distrustDatabase() throws(SQLiteError) {
    set("defensive", true)
    set("fts3_tokenizer", false)
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0)
    for count in [1, 2] as [Int32] {
      try check(
        sqlite3_create_function_v2(
          handle, "fts3_tokenizer", count, SQLITE_UTF8 | SQLITE_DIRECTONLY, nil,
          { call, _, _ in sqlite3_result_error(call, "fts3_tokenizer() is not allowed here", -1) }, nil, nil,
          nil))
    }
  }

  /// Refuses from now on to compile statements that no recorder logs.
  package func guardReplay() throws(SQLiteError) -> ReplayGuard {
    try distrustDatabase()
    let replay = ReplayGuard(own: ownFunctions)
    hooks.replay = replay
    installAuthorizer()
    return replay
  }

  /// Allows a `VACUUM` of a replay to attach the database that it builds, or forbids it again.
  package func allowVacuum(_ isVacuum: Bool) {
    hooks.replay?.isVacuum = isVacuum
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, isVacuum ? 1 : 0)
  }
}
