internal import CSQLite
internal import CSQLiteFiles
internal import Synchronization

/// Shows other threads whether a thread waits for a lock of SQLite.
///
/// SQLite sleeps between two attempts to get a lock
/// (https://www.sqlite.org/c3ref/busy_timeout.html). Meanwhile the thread commits nothing, and its
/// hooks know of everything that it committed before, because the commit is the last act of a
/// statement.
package final class LockWaits: Sendable {
  /// Odd during a wait.
  private let count = Atomic<UInt64>(0)

  /// A number that identifies the current wait; nil if there is none.
  package var present: UInt64? {
    let now = count.load(ordering: .acquiring)
    return now & 1 == 1 ? now : nil
  }

  /// Returns whether that wait has not ended yet.
  ///
  /// Then everything read since `current` was written before the wait ends.
  package func isPresent(_ wait: UInt64) -> Bool {
    atomicMemoryFence(ordering: .acquiring)
    return count.load(ordering: .acquiring) == wait
  }

  /// The counter of the calling thread, the same as long as it lives; it counts after `install`.
  package static var ofThread: LockWaits {
    let here = csqlite_surroundings()
    if let known = here.pointee.waits { return Unmanaged<LockWaits>.fromOpaque(known).takeUnretainedValue() }
    let new = LockWaits()
    // Never released, because other threads may look at it after this one has ended.
    here.pointee.waits = Unmanaged.passRetained(new).toOpaque()
    return new
  }

  // Written once, by `install`, before any other thread can reach it.
  nonisolated(unsafe) private static var original:
    (@convention(c) (UnsafeMutablePointer<sqlite3_vfs>?, Int32) -> Int32)?
  private static let isInstalled = Mutex(false)

  /// Makes the default VFS count (https://www.sqlite.org/c3ref/vfs.html, xSleep).
  package static func install() {
    isInstalled.withLock { isInstalled in
      guard !isInstalled, let vfs = sqlite3_vfs_find(nil), let sleep = vfs.pointee.xSleep else { return }
      original = sleep
      vfs.pointee.xSleep = { vfs, microseconds in LockWaits.sleep(vfs, microseconds) }
      isInstalled = true
    }
  }

  private static func sleep(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ microseconds: Int32) -> Int32 {
    guard let original else { return 0 }
    guard let waits = csqlite_surroundings().pointee.waits else { return original(vfs, microseconds) }
    let here = Unmanaged<LockWaits>.fromOpaque(waits).takeUnretainedValue()
    here.count.add(1, ordering: .sequentiallyConsistent)
    defer { here.count.add(1, ordering: .sequentiallyConsistent) }
    return original(vfs, microseconds)
  }
}
