internal import CSQLite

extension sqlite3_module {
  /// Adds the methods of writable tables.
  mutating func addWriting() {
    xUpdate = updateTable
    xBegin = { table in change(table) { table throws(VirtualTableError) in try table.begin() } }
    xCommit = { table in change(table) { table throws(VirtualTableError) in try table.commit() } }
    xRollback = { table in change(table) { table throws(VirtualTableError) in try table.rollBack() } }
    xFindFunction = findFunction
  }
}

extension Connection {
  /// Registers a function that only virtual tables implement.
  ///
  /// The corresponding C function is `sqlite3_overload_function`.
  package func overload(_ function: String) throws(SQLiteError) {
    try check(sqlite3_overload_function(handle, function, -1))
  }
}

private func change(
  _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ body: (VirtualTable) throws(VirtualTableError) -> Void
) -> Int32 {
  guard let table else { return SQLITE_ERROR }
  do throws(VirtualTableError) {
    try body(record(table).pointee.table.takeUnretainedValue())
    return SQLITE_OK
  } catch {
    return report(error, to: table)
  }
}

private func updateTable(
  _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ count: Int32,
  _ values: UnsafeMutablePointer<OpaquePointer?>?, _ rowID: UnsafeMutablePointer<sqlite3_int64>?
) -> Int32 {
  guard let table else { return SQLITE_ERROR }
  let module = record(table).pointee.module.takeUnretainedValue()
  if let outside = module.outside { outside.latest = "the virtual table \(module.definition.name)" }
  return change(table) { object throws(VirtualTableError) in
    let policy: ConflictPolicy =
      switch sqlite3_vtab_on_conflict(object.connection.handle) {
      case SQLITE_REPLACE: .replace
      case SQLITE_IGNORE: .ignore
      default: .fail
      }
    try object.update(Arguments(values: values, count: Int(count), context: nil), policy)
  }
}

private func findFunction(
  _ table: UnsafeMutablePointer<sqlite3_vtab>?, _ count: Int32, _ name: UnsafePointer<CChar>?,
  _ function: UnsafeMutablePointer<
    (@convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<OpaquePointer?>?) -> Void)?
  >?, _ argument: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
  guard let table, let name, let function, let argument else { return 0 }
  let object = record(table).pointee.table
  guard object.takeUnretainedValue().answers(to: String(preservingCString: name)) else { return 0 }
  function.pointee = callTable
  // The table outlives the statements that use it.
  argument.pointee = object.toOpaque()
  return 1
}

private func callTable(
  _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) {
  guard let table = sqlite3_user_data(context) else { return }
  Unmanaged<VirtualTable>.fromOpaque(table)._withUnsafeGuaranteedRef {
    $0.call(
      Arguments(values: values, count: Int(count), context: context), FunctionResult(context: context))
  }
}
