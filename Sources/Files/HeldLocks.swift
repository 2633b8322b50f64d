internal import CFiles

/// The locks that the calling thread holds, one bit each, to check the lock order in debug builds.
package enum HeldLocks {
  package static var ofThread: UInt32 {
    get { cfiles_held_locks().pointee }
    set { cfiles_held_locks().pointee = newValue }
  }
}
