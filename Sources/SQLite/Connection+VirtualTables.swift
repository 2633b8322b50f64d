internal import Bytes
internal import CSQLite

/// The connection of a virtual table, for use by the table.
public struct VirtualTableConnection {
  let handle: OpaquePointer
  /// The text in the parentheses of `CREATE VIRTUAL TABLE`.
  package let words: [[UInt8]]
  /// The name of the table; that of the module if the table was not created.
  package let tableName: String
  /// The value that was registered with the module.
  package let context: AnyObject?

  /// The connection itself, without an observer, for use only during calls of the table.
  package var whole: Connection { Connection(borrowing: handle) }

  /// Compiles a statement without an observer; nil if that fails.
  package func prepare(_ sql: String) -> InnerStatement? {
    var compiled: OpaquePointer?
    let text = (sql.preservedBytes + [0]).map { CChar(bitPattern: $0) }
    guard sqlite3_prepare_v2(handle, text, -1, &compiled, nil) == SQLITE_OK else { return nil }
    return compiled.map { InnerStatement(handle: $0, within: nil) }
  }
}

/// The C struct of a table: SQLite's part, then ours.
struct TableRecord {
  var base: sqlite3_vtab
  let table: Unmanaged<VirtualTable>
  let module: Unmanaged<ModuleBox>
}

/// The C struct of a cursor: SQLite's part, then ours.
private struct CursorRecord {
  var base: sqlite3_vtab_cursor
  let cursor: Unmanaged<VirtualTableCursor>
  var run = IntegerRun(from: 0, step: 0, rowsAfter: nil, constants: (0, 0, 0))
}

final class ModuleBox {
  let definition: ModuleDefinition
  let outside: OutsideReach?
  let context: AnyObject?
  init(_ definition: ModuleDefinition, _ outside: OutsideReach, _ context: AnyObject?) {
    self.definition = definition
    self.context = context
    self.outside = definition.reachesOutside ? outside : nil
  }
}

extension Connection {
  /// Registers a virtual table by the name of its module; its tables get `context`.
  ///
  /// The corresponding C function is `sqlite3_create_module_v2`.
  package func add(_ module: ModuleDefinition, context: AnyObject? = nil) throws(SQLiteError) {
    if module.reachesOutside {
      outsideReach.names.insert(module.name)
      hooks.reach?.foreignTables.insert(module.name)
    }
    let box = Unmanaged.passRetained(ModuleBox(module, outsideReach, context)).toOpaque()
    try check(
      sqlite3_create_module_v2(
        handle, module.name, methods(of: module), box
      ) { box in
        if let box { Unmanaged<ModuleBox>.fromOpaque(box).release() }
      })
  }
}

extension Connection {
  /// Registers a module for `CREATE VIRTUAL TABLE` whose tables need more than their words.
  ///
  /// The corresponding C function is `sqlite3_create_module_v2`.
  package func addModule(
    _ name: String, _ make: @escaping (VirtualTableConnection) -> VirtualTable
  ) throws(SQLiteError) {
    // Tables are made on the connection's thread, which is the calling thread.
    nonisolated(unsafe) let make = make
    try add(ModuleDefinition(name) { make($0) })
  }
}

private func methods(of module: ModuleDefinition) -> UnsafeMutablePointer<sqlite3_module> {
  (module.isWritable ? writableMethods : module.isIntegerRun ? runMethods : eponymous).methods
}

/// The methods that all modules share; SQLite keeps the address.
private final class Methods: Sendable {
  // It is filled once, before any other code can see it, and only read from then on.
  nonisolated(unsafe) let methods: UnsafeMutablePointer<sqlite3_module>

  init(isIntegerRun: Bool, isWritable: Bool = false) {
    methods = .allocate(capacity: 1)
    var module = sqlite3_module()
    module.xConnect = connectTable
    module.xBestIndex = choosePlan
    module.xDisconnect = disconnectTable
    module.xOpen = openCursor
    module.xClose = closeCursor
    module.xFilter = beginCursor
    module.xNext = advanceCursor
    module.xEof = cursorIsAtEnd
    module.xColumn = giveColumn
    module.xRowid = giveRowID
    if isIntegerRun {
      module.xNext = advanceRun
      module.xEof = runIsAtEnd
      module.xColumn = giveRunColumn
      module.xRowid = giveRunRow
    }
    if isWritable {
      module.xCreate = connectTable
      module.xDestroy = disconnectTable
      module.addWriting()
    }
    methods.initialize(to: module)
  }
}

private let eponymous = Methods(isIntegerRun: false)
private let runMethods = Methods(isIntegerRun: true)
private let writableMethods = Methods(isIntegerRun: false, isWritable: true)

// MARK: Tables

private func connectTable(
  _ database: OpaquePointer?, _ context: UnsafeMutableRawPointer?, _ count: Int32,
  _ words: UnsafePointer<UnsafePointer<CChar>?>?,
  _ table: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>?,
  _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
  guard let database, let context, let table else { return SQLITE_ERROR }
  message?.pointee = nil
  let module = Unmanaged<ModuleBox>.fromOpaque(context)
  // > argv[0] is the module, argv[1] the database, argv[2] the table.
  let given = (2..<max(Int(count), 2)).map { index in
    words?[index].map { Array(String(preservingCString: $0).preservedBytes) } ?? []
  }
  let made = module.takeUnretainedValue().definition.make(
    VirtualTableConnection(
      handle: database, words: Array(given.dropFirst()), tableName: String(preserving: given.first ?? []),
      context: module.takeUnretainedValue().context))
  let code = made.declaration.withPreservedCString { sqlite3_declare_vtab(database, $0) }
  guard code == SQLITE_OK else { return code }
  switch type(of: made).trust {
  case .unspecified: break
  case .innocuous: _ = csqlite_vtab_config(database, SQLITE_VTAB_INNOCUOUS)
  case .directOnly: _ = csqlite_vtab_config(database, SQLITE_VTAB_DIRECTONLY)
  }
  do throws(VirtualTableError) {
    try made.connect()
  } catch {
    message?.pointee = error.message.flatMap(copied)
    return error.code.rawValue
  }
  let record = UnsafeMutablePointer<TableRecord>.allocate(capacity: 1)
  record.initialize(to: TableRecord(base: sqlite3_vtab(), table: .passRetained(made), module: module))
  table.pointee = UnsafeMutableRawPointer(record).assumingMemoryBound(to: sqlite3_vtab.self)
  return SQLITE_OK
}

/// Returns a message in memory that SQLite frees.
private func copied(_ message: String) -> UnsafeMutablePointer<CChar>? {
  (message.preservedBytes + [0]).withUnsafeBytes {
    $0.baseAddress.flatMap { csqlite_copy($0.assumingMemoryBound(to: CChar.self)) }
  }
}

func record(_ table: UnsafeMutablePointer<sqlite3_vtab>) -> UnsafeMutablePointer<TableRecord> {
  UnsafeMutableRawPointer(table).assumingMemoryBound(to: TableRecord.self)
}

private func disconnectTable(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> Int32 {
  guard let table else { return SQLITE_OK }
  let record = record(table)
  record.pointee.table.release()
  record.deinitialize(count: 1)
  record.deallocate()
  return SQLITE_OK
}

/// Stores an error's text in the table, and returns its code.
@inline(never)
func report(_ error: VirtualTableError, to table: UnsafeMutablePointer<sqlite3_vtab>) -> Int32 {
  if let message = error.message {
    sqlite3_free(table.pointee.zErrMsg)
    table.pointee.zErrMsg = copied(message)
  }
  return error.code.rawValue
}

private func choosePlan(
  _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ info: UnsafeMutablePointer<sqlite3_index_info>?
) -> Int32 {
  guard let table, let info else { return SQLITE_ERROR }
  do throws(VirtualTableError) {
    try record(table).pointee.table.takeUnretainedValue().plan(QueryPlan(info: info))
    return SQLITE_OK
  } catch {
    return report(error, to: table)
  }
}

// MARK: Cursors

private func openCursor(
  _ table: UnsafeMutablePointer<sqlite3_vtab>?,
  _ cursor: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab_cursor>?>?
) -> Int32 {
  guard let table, let cursor else { return SQLITE_ERROR }
  let made = record(table).pointee.table.takeUnretainedValue().makeCursor()
  let record = UnsafeMutablePointer<CursorRecord>.allocate(capacity: 1)
  record.initialize(to: CursorRecord(base: sqlite3_vtab_cursor(), cursor: .passRetained(made)))
  cursor.pointee = UnsafeMutableRawPointer(record).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
  return SQLITE_OK
}

@inline(__always)
private func record(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>) -> UnsafeMutablePointer<CursorRecord>
{
  UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: CursorRecord.self)
}

private func closeCursor(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
  guard let cursor else { return SQLITE_OK }
  let record = record(cursor)
  record.pointee.cursor.release()
  record.deinitialize(count: 1)
  record.deallocate()
  return SQLITE_OK
}

private func beginCursor(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ number: Int32, _ text: UnsafePointer<CChar>?,
  _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
  guard let cursor, let table = cursor.pointee.pVtab else { return SQLITE_ERROR }
  let module = record(table).pointee.module.takeUnretainedValue()
  if let outside = module.outside { outside.latest = "the virtual table \(module.definition.name)" }
  do throws(VirtualTableError) {
    let arguments = Arguments(values: values, count: Int(count), context: nil)
    let object = record(cursor).pointee.cursor.takeUnretainedValue()
    try object.begin(plan: number, arguments)
    if let run = object.run { record(cursor).pointee.run = run }
    return SQLITE_OK
  } catch {
    return report(error, to: table)
  }
}

private func advanceCursor(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
  guard let cursor else { return SQLITE_ERROR }
  var failure: VirtualTableError?
  record(cursor).pointee.cursor._withUnsafeGuaranteedRef {
    do throws(VirtualTableError) { try $0.next() } catch { failure = error }
  }
  guard let failure else { return SQLITE_OK }
  return report(failure, to: cursor)
}

@inline(never)
private func report(
  _ error: VirtualTableError, to cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>
) -> Int32 {
  guard let table = cursor.pointee.pVtab else { return SQLITE_ERROR }
  return report(error, to: table)
}

private func cursorIsAtEnd(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
  guard let cursor else { return 1 }
  return record(cursor).pointee.cursor._withUnsafeGuaranteedRef { $0.isAtEnd } ? 1 : 0
}

private func giveColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  guard let cursor else { return SQLITE_ERROR }
  record(cursor).pointee.cursor._withUnsafeGuaranteedRef {
    $0.give(Int(column), FunctionResult(context: context))
  }
  return SQLITE_OK
}

private func giveRowID(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ rowID: UnsafeMutablePointer<sqlite3_int64>?
) -> Int32 {
  guard let cursor, let rowID else { return SQLITE_ERROR }
  rowID.pointee = record(cursor).pointee.cursor._withUnsafeGuaranteedRef { $0.rowID }
  return SQLITE_OK
}

// MARK: Integer runs

// Inlined into the C callbacks, which would otherwise jump to them. SQLite calls none of these
// without a cursor.

@inline(__always)
private func run(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> UnsafeMutablePointer<IntegerRun> {
  record(cursor.unsafelyUnwrapped).pointer(to: \.run).unsafelyUnwrapped
}

@inline(__always)
private func advanceRun(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
  run(cursor).pointee.advance()
  return SQLITE_OK
}

@inline(__always)
private func runIsAtEnd(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
  run(cursor).pointee.isAtEnd ? 1 : 0
}

@inline(__always)
private func giveRunColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  let run = run(cursor)
  sqlite3_result_int64(context, _fastPath(column == 0) ? run.pointee.value : run.pointee.constant(column))
  return SQLITE_OK
}

private func giveRunRow(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ rowID: UnsafeMutablePointer<sqlite3_int64>?
) -> Int32 {
  rowID?.pointee = run(cursor).pointee.rowID
  return SQLITE_OK
}
