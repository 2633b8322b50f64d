internal import CSQLite
internal import CSQLiteFiles

/// A limit on SQLite's memory from now on, in the whole process.
///
/// A statement that needs more fails with `SQLITE_NOMEM`. A lower limit of the user stays. Belongs
/// to the thread that runs the statements.
package final class HeapAllowance {
  private let before: Int64
  private let used: Int64
  /// Bytes that SQLite may use beyond those at the beginning.
  package private(set) var bytes: Int

  package init(bytes: Int) {
    self.bytes = bytes
    before = sqlite3_hard_heap_limit64(-1)
    var counted = csqlite_memory()
    used = csqlite_count_memory(&counted) ? counted.used : sqlite3_memory_used()
    apply()
  }

  /// Raises the limit; a lower value is ignored.
  package func raise(to bytes: Int) {
    guard bytes > self.bytes else { return }
    self.bytes = bytes
    apply()
  }

  /// Restores the limit from before.
  package func end() { set(before) }

  private func apply() {
    let limit = used + Int64(bytes)
    set(before > 0 ? min(before, limit) : limit)
  }

  private func set(_ limit: Int64) {
    sqlite3_hard_heap_limit64(limit)
    csqlite_keep_to_heap_limit()
  }
}
