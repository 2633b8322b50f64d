internal import CSQLite

/// A registered function, owned by SQLite.
final class FunctionBox {
  let scalar: @Sendable (Arguments, FunctionResult) -> Void
  let makeState: @Sendable () -> AggregateState
  let outside: OutsideReach
  let reachesOutside: Bool
  let name: String

  init(_ definition: FunctionDefinition, _ outside: OutsideReach) {
    self.outside = outside
    reachesOutside = definition.reachesOutside
    name = definition.name
    switch definition.body {
    case .scalar(let body):
      scalar = body
      makeState = { AggregateState() }
    case .aggregate(let make, _):
      scalar = { _, _ in }
      makeState = make
    }
  }
}

/// Remembers that a statement used something outside of its database.
package final class OutsideReach {
  /// The last function or virtual table that reached outside, in words; nil if none has since this
  /// was cleared.
  package var latest: String?
  /// All functions that reach outside, in lower case.
  var names: Set<String> = []
}

extension Connection {
  /// Registers a function for SQL.
  ///
  /// The corresponding C function is `sqlite3_create_window_function`.
  package func add(_ function: FunctionDefinition) throws(SQLiteError) {
    let name = function.name.lowercased()
    if function.reachesOutside {
      outsideReach.names.insert(name)
    } else {
      ownFunctions.insert(name)
      hooks.reach?.known.insert(name)
    }
    let box = Unmanaged.passRetained(FunctionBox(function, outsideReach)).toOpaque()
    let flags = SQLITE_UTF8 | function.flags.rawValue
    let code: Int32
    switch function.body {
    case .scalar:
      code = sqlite3_create_function_v2(
        handle, function.name, function.argumentCount, flags, box, callScalar, nil, nil, releaseBox)
    case .aggregate(_, takesWindows: false):
      code = sqlite3_create_function_v2(
        handle, function.name, function.argumentCount, flags, box, nil, addRow, giveFinal, releaseBox)
    case .aggregate:
      code = sqlite3_create_window_function(
        handle, function.name, function.argumentCount, flags, box, addRow, giveFinal, giveValue, removeRow,
        releaseBox)
    }
    try check(code)
  }

  /// Registers a collation for SQL.
  ///
  /// The corresponding C function is `sqlite3_create_collation_v2`.
  package func add(_ collation: CollationDefinition) throws(SQLiteError) {
    let box = Unmanaged.passRetained(CollationBox(collation.compare)).toOpaque()
    let code = sqlite3_create_collation_v2(
      handle, collation.name, SQLITE_UTF8, box,
      { box, count, bytes, otherCount, otherBytes in
        guard let box else { return 0 }
        return Unmanaged<CollationBox>.fromOpaque(box)._withUnsafeGuaranteedRef {
          Int32(
            $0.compare(
              UnsafeRawBufferPointer(start: bytes, count: Int(count)),
              UnsafeRawBufferPointer(start: otherBytes, count: Int(otherCount))
            ).signum())
        }
      }, releaseCollation)
    // > SQLite does not call the destructor where the call fails.
    if code != SQLITE_OK { releaseCollation(box) }
    try check(code)
  }
}

private final class CollationBox {
  let compare: @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int
  init(_ compare: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int) {
    self.compare = compare
  }
}

private func releaseCollation(_ box: UnsafeMutableRawPointer?) {
  if let box { Unmanaged<CollationBox>.fromOpaque(box).release() }
}

private func releaseBox(_ box: UnsafeMutableRawPointer?) {
  if let box { Unmanaged<FunctionBox>.fromOpaque(box).release() }
}

private func callScalar(
  _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) {
  guard let box = sqlite3_user_data(context) else { return }
  Unmanaged<FunctionBox>.fromOpaque(box)._withUnsafeGuaranteedRef { box in
    if box.reachesOutside { box.outside.latest = "\(box.name)()" }
    box.scalar(
      Arguments(values: values, count: Int(count), context: context), FunctionResult(context: context))
  }
}

// MARK: Aggregates

/// Returns the state of the current group; nil if it has no row and none shall be made.
private func state(_ context: OpaquePointer?, making: Bool) -> Unmanaged<AggregateState>? {
  let size = Int32(MemoryLayout<UnsafeMutableRawPointer?>.size)
  guard let slot = sqlite3_aggregate_context(context, making ? size : 0) else { return nil }
  let place = slot.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
  if let old = place.pointee { return Unmanaged.fromOpaque(old) }
  guard making, let box = sqlite3_user_data(context) else { return nil }
  let made = Unmanaged<FunctionBox>.fromOpaque(box)._withUnsafeGuaranteedRef {
    Unmanaged.passRetained($0.makeState())
  }
  place.pointee = made.toOpaque()
  return made
}

private func addRow(
  _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) {
  guard let state = state(context, making: true) else { return sqlite3_result_error_nomem(context) }
  state._withUnsafeGuaranteedRef { $0.add(Arguments(values: values, count: Int(count), context: context)) }
}

private func removeRow(
  _ context: OpaquePointer?, _ count: Int32, _ values: UnsafeMutablePointer<OpaquePointer?>?
) {
  guard let state = state(context, making: true) else { return sqlite3_result_error_nomem(context) }
  state._withUnsafeGuaranteedRef { $0.remove(Arguments(values: values, count: Int(count), context: context)) }
}

private func giveValue(_ context: OpaquePointer?) {
  state(context, making: false)?._withUnsafeGuaranteedRef { $0.give(FunctionResult(context: context)) }
}

private func giveFinal(_ context: OpaquePointer?) {
  guard let state = state(context, making: false) else { return }
  state._withUnsafeGuaranteedRef { $0.give(FunctionResult(context: context)) }
  state.release()
}
