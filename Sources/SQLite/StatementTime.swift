internal import CSQLite
internal import Glibc
internal import Synchronization

/// The time that SQLite tells a statement (`'now'`, `CURRENT_TIMESTAMP`, …), recorded or given.
///
/// SQLite asks its VFS for the time; the default VFS's clock is replaced by one that keeps one value for all of a
/// statement, notes it, and gives it again in a replay (https://www.sqlite.org/c3ref/vfs.html, xCurrentTimeInt64).
/// Each thread has a clock of its own.
package enum StatementTime {
  /// The clock of one thread; lives as long as the thread.
  private final class Clock {
    var keepsOneValue = false
    /// Milliseconds of the Julian day; 0 for none.
    var value: Int64 = 0
  }

  // Written once, by `install`, before any other thread can reach it.
  nonisolated(unsafe) private static var original:
    (@convention(c) (UnsafeMutablePointer<sqlite3_vfs>?, UnsafeMutablePointer<Int64>?) -> Int32)?
  private static let isInstalled = Mutex(false)
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { clock in
      if let clock { Unmanaged<Clock>.fromOpaque(clock).release() }
    }
    return key
  }()

  /// Puts the clock into the default VFS; false where that VFS has none to replace.
  @discardableResult
  package static func install() -> Bool {
    isInstalled.withLock { isInstalled in
      if isInstalled { return true }
      guard let vfs = sqlite3_vfs_find(nil), vfs.pointee.iVersion >= 2,
        let clock = vfs.pointee.xCurrentTimeInt64
      else { return false }
      original = clock
      vfs.pointee.xCurrentTimeInt64 = { vfs, time in StatementTime.tell(vfs, time) }
      isInstalled = true
      return true
    }
  }

  /// A statement begins on this thread: what it is told will be noted.
  package static func record() { set(keepsOneValue: true, 0) }

  /// What the statement was told, in milliseconds of the Julian day; nil where it did not ask.
  package static var recorded: Int64? { present.flatMap { $0.value == 0 ? nil : $0.value } }

  /// Statements of this thread are told this time from now on; nil for the true one.
  package static func give(_ time: Int64?) { set(keepsOneValue: time != nil, time ?? 0) }

  private static var present: Clock? {
    pthread_getspecific(key).map { Unmanaged<Clock>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func set(keepsOneValue: Bool, _ value: Int64) {
    let clock: Clock
    if let present {
      clock = present
    } else {
      clock = Clock()
      pthread_setspecific(key, Unmanaged.passRetained(clock).toOpaque())
    }
    clock.keepsOneValue = keepsOneValue
    clock.value = value
  }

  private static func tell(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ time: UnsafeMutablePointer<Int64>?
  ) -> Int32 {
    guard let original, let time else { return SQLITE_ERROR }
    guard let clock = present, clock.keepsOneValue else { return original(vfs, time) }
    if clock.value == 0 {
      let code = original(vfs, &clock.value)
      guard code == SQLITE_OK else { return code }
    }
    time.pointee = clock.value
    return SQLITE_OK
  }
}
