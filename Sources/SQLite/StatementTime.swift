internal import CSQLite
internal import CSQLiteFiles
internal import Synchronization

/// The time that SQLite gives a statement (`'now'`, `CURRENT_TIMESTAMP`, …), recorded or replayed.
///
/// SQLite asks its VFS for the time. The default VFS's clock is replaced by one that keeps one
/// value for a whole statement, records it, and returns it again in a replay
/// (https://www.sqlite.org/c3ref/vfs.html, xCurrentTimeInt64). Each thread has its own clock.
package enum StatementTime {
  // Written once, by `install`, before any other thread can reach it.
  nonisolated(unsafe) private static var original:
    (@convention(c) (UnsafeMutablePointer<sqlite3_vfs>?, UnsafeMutablePointer<Int64>?) -> Int32)?
  private static let isInstalled = Mutex(false)
  // The same.
  nonisolated(unsafe) private static var watched: UnsafeMutablePointer<sqlite3_vfs>?

  /// Returns whether statements of a connection over this VFS use the replaced clock.
  static func watches(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> Bool { vfs != nil && vfs == watched }

  /// Replaces the clock of the default VFS; false if that VFS has none.
  @discardableResult
  package static func install() -> Bool {
    isInstalled.withLock { isInstalled in
      if isInstalled { return true }
      guard let vfs = sqlite3_vfs_find(nil), vfs.pointee.iVersion >= 2,
        let clock = vfs.pointee.xCurrentTimeInt64
      else { return false }
      original = clock
      watched = vfs
      vfs.pointee.xCurrentTimeInt64 = { vfs, time in StatementTime.tell(vfs, time) }
      isInstalled = true
      return true
    }
  }

  /// Begins a statement on this thread; its time is recorded.
  package static func record() { set(keepsOneValue: true, 0) }

  /// The time that the statement got, in milliseconds of the Julian day; nil if it did not ask.
  package static var recorded: Int64? {
    let time = csqlite_surroundings().pointee.time
    return time == 0 ? nil : time
  }

  /// Runs `body`, and returns whether a statement in it asked for the time.
  ///
  /// All of them get the same time. A statement that contains the call keeps its own.
  package static func isAsked<Value>(in body: () throws -> Value) rethrows -> (value: Value, isAsked: Bool) {
    let here = csqlite_surroundings()
    let (keepsOneTime, time) = (here.pointee.keeps_one_time, here.pointee.time)
    defer {
      here.pointee.keeps_one_time = keepsOneTime
      here.pointee.time = time
    }
    record()
    let value = try body()
    return (value, recorded != nil)
  }

  /// Sets the time for statements of this thread; nil for the real one.
  package static func give(_ time: Int64?) { set(keepsOneValue: time != nil, time ?? 0) }

  private static func set(keepsOneValue: Bool, _ value: Int64) {
    let here = csqlite_surroundings()
    here.pointee.keeps_one_time = keepsOneValue
    here.pointee.time = value
  }

  private static func tell(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ time: UnsafeMutablePointer<Int64>?
  ) -> Int32 {
    guard let original, let time else { return SQLITE_ERROR }
    let here = csqlite_surroundings()
    guard here.pointee.keeps_one_time else { return original(vfs, time) }
    if here.pointee.time == 0 {
      let code = original(vfs, &here.pointee.time)
      guard code == SQLITE_OK else { return code }
    }
    time.pointee = here.pointee.time
    return SQLITE_OK
  }
}
