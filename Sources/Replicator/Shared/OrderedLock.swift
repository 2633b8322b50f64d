import Files
import Synchronization

/// Lists the locks of the mirror in the order in which one thread may take them.
///
/// A thread that holds a lock takes only locks below it in this list, and none twice. Debug builds
/// stop at a violation.
enum LockOrder: UInt32 {
  /// The parts of a base.
  ///
  /// Held from their listing to the manifest that names them, and while parts are deleted.
  case parts
  /// The next entries of the slice uploader.
  case uploader
  /// SQLite's log: the guard, and the last captured place.
  case log
  /// Sealed entries between the capturer and the uploader.
  case queue
  /// The file of the position record.
  case record
  /// Objects of the generation that need a merge or a deletion.
  case maintenance
  /// Statement batches that wait.
  case batches
  /// The captured and stored transactions.
  case progress
  /// The health of the store.
  case health
  case notices
}

/// A mutex with a position in `LockOrder`.
struct OrderedLock<State: Sendable>: ~Copyable, Sendable {
  private let mutex: Mutex<State>
  private let order: LockOrder

  init(_ order: LockOrder, _ state: consuming sending State) {
    mutex = Mutex(state)
    self.order = order
  }

  borrowing func withLock<Result: Sendable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    order.enter()
    defer { order.leave() }
    return try mutex.withLock { (state) throws(Failure) -> Result in try body(&state) }
  }

  /// Returns nil if another thread holds the lock.
  borrowing func withLockIfAvailable<Result: Sendable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    order.enter()
    defer { order.leave() }
    return try mutex.withLockIfAvailable { (state) throws(Failure) -> Result in try body(&state) }
  }
}

extension LockOrder {
  /// Returns whether a thread with the locks of `held`, one bit each, may take this one.
  func mayFollow(_ held: UInt32) -> Bool { held >> rawValue == 0 }

  /// Notes that the calling thread is about to take this lock.
  func enter() {
    #if DEBUG
      let held = HeldLocks.ofThread
      precondition(mayFollow(held), "lock \(self) is taken by a thread that holds \(String(held, radix: 2))")
      HeldLocks.ofThread = held | 1 << rawValue
    #endif
  }

  /// Notes that the calling thread has released this lock.
  func leave() {
    #if DEBUG
      HeldLocks.ofThread &= ~(1 << rawValue)
    #endif
  }
}
