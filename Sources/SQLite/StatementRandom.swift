internal import CSQLite

/// The numbers of `random()` and `randomblob()` for a statement, from one seed that a replay can
/// use again.
///
/// SplitMix64 (Steele, Lea, Flood, 2014). Belongs to its connection.
package final class StatementRandom {
  private var state: UInt64 = 0
  /// The seed of the current statement's numbers; nil if it has drawn none.
  package private(set) var seed: UInt64?
  private var given: UInt64?

  package init() {}

  /// Begins a statement with this seed, or with a new one at its first number.
  package func begin(seed: UInt64? = nil) {
    self.seed = nil
    given = seed
  }

  private func next() -> UInt64 {
    if seed == nil {
      let seed = given ?? .random(in: .min ... .max)
      self.seed = seed
      state = seed
    }
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Registers both functions with a connection, which must not outlive this object.
  package func install(on connection: Connection) throws(SQLiteError) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    let flags = SQLITE_UTF8 | SQLITE_INNOCUOUS
    try connection.check(
      sqlite3_create_function_v2(
        connection.handle, "random", 0, flags, context,
        { call, _, _ in
          guard let random = StatementRandom.of(call) else { return }
          sqlite3_result_int64(call, Int64(bitPattern: random.next()))
        }, nil, nil, nil))
    try connection.check(
      sqlite3_create_function_v2(
        connection.handle, "randomblob", 1, flags, context,
        { call, _, arguments in
          guard let random = StatementRandom.of(call) else { return }
          // > If N is less than 1 then a 1-byte random blob is returned.
          random.resultBlob(call, max(sqlite3_value_int64(arguments?[0]), 1))
        }, nil, nil, nil))
  }

  private static func of(_ call: OpaquePointer?) -> StatementRandom? {
    sqlite3_user_data(call).map { Unmanaged<StatementRandom>.fromOpaque($0).takeUnretainedValue() }
  }

  private func resultBlob(_ call: OpaquePointer?, _ count: Int64) {
    let limit = sqlite3_limit(sqlite3_context_db_handle(call), SQLITE_LIMIT_LENGTH, -1)
    guard count <= Int64(limit) else { return sqlite3_result_error_toobig(call) }
    guard let bytes = sqlite3_malloc64(UInt64(count)) else { return sqlite3_result_error_nomem(call) }
    let target = UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
    var at = 0
    while at < target.count {
      withUnsafeBytes(of: next().littleEndian) { word in
        for byte in word.prefix(target.count - at) {
          target[at] = byte
          at += 1
        }
      }
    }
    sqlite3_result_blob64(call, bytes, UInt64(count)) { sqlite3_free($0) }
  }
}
