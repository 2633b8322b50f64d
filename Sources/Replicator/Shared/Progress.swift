import Files
import ReplicaFormat
import WALFormat

/// Holds the state of the mirror: commits are committed in SQLite's log, captured, then stored.
///
/// Threads that wait for a commit wait on it. One stage writes each group of the fields below.
final class Progress: Sendable {
  struct State: Sendable {
    // Pipeline
    var phase = MirrorStatus.Phase.starting
    var isStopped = false
    /// The reason for which mirroring has ended.
    var failure: MirrorError?

    // SessionStart, GenerationOpener, BaseUploader
    var generation: GenerationID?
    /// The generation that is open: its base is stored, and the chain contains it.
    var openGeneration: GenerationID?
    /// The last transaction of the generation's base, and whether the base is stored.
    var baseTransaction: UInt64 = 0
    var hasBase = false
    /// Bytes of pages in the pending base, and the stored part of them.
    var baseBytes = 0
    var baseBytesSent = 0
    /// Whether the session has begun a generation that abandons transactions on the user's command.
    var isFork = false

    // Capturer
    var captured: UInt64 = 0
    var framesCaptured = 0
    var pageSize = 4096
    var databaseBytes = 0
    /// Time of the oldest commit captured but not stored, microseconds since 1970.
    var oldest: Int64?

    // Checkpointer
    /// The database file when it last held exactly the state at the beginning of an epoch of the
    /// log.
    var fileStamp: PositionRecord.FileStamp?
    /// The transaction that the database file alone holds, if the whole log was copied into it.
    var restingTransaction: UInt64?

    // SliceUploader
    var tip: LogTip?
    /// Whether the session has stored anything.
    var hasStored = false
    /// The number of stored entries; it increases each time that the queue has room again.
    var sent = 0
    /// The reason for which the session may not write any more; a new session then begins.
    var fence: MirrorError?

    // BatchUploader, Maintainer
    /// Statement batches that are not stored yet.
    var batches = 0
    /// Transactions of the generation whose statements are stored.
    var statements = ContiguousReach(end: 0)
    /// A fault of the replica, which makes its chain unusable.
    var damage: String?

    // Flush
    /// Threads that wait for commits, and the number of them that wait for statements too.
    var flushes = 0
    var statementFlushes = 0
    /// The time when a thread last waited for a commit; monotonic seconds.
    var lastAwaited = -Double.infinity
    /// The time until which another process waits for the position record; monotonic seconds.
    var recordWanted = -Double.infinity

    fileprivate var waiters: [Semaphore] = []
  }

  /// The end of the generation's log, as this session knows it.
  struct LogTip: Sendable {
    var transaction: UInt64
    /// The state after it, and its end in SQLite's log.
    var state: DatabaseState
    var position: WALPosition?
    /// The time of its commit; microseconds since 1970.
    var time: Int64
    /// The place after the last entry.
    var place: Place
    /// The last entry, and others with the same transaction number.
    var entries: [Place]

    /// Notes a stored entry.
    mutating func append(_ entry: PendingUpload) {
      if entries.first?.transaction != entry.place.transaction
        || entries.first?.generation != entry.generation
      {
        entries = []
      }
      entries.append(entry.place)
      place = entry.next
    }
  }

  /// Joins ranges of transactions in any order, and finds the end of the first gapless run.
  struct ContiguousReach: Sendable {
    /// The last transaction up to which no transaction is missing.
    private(set) var end: UInt64
    private var ahead: [ClosedRange<UInt64>] = []

    init(end: UInt64) { self.end = end }

    mutating func insert(_ range: ClosedRange<UInt64>) {
      ahead.append(range)
      while let index = ahead.firstIndex(where: { $0.lowerBound <= end + 1 }) {
        end = max(end, ahead.remove(at: index).upperBound)
      }
    }
  }

  private let state = OrderedLock(.progress, State())
  /// Actions that are called once when the mirror stops, without a lock.
  private let whenStopped = OrderedLock<[@Sendable () -> Void]>(.notices, [])
  private let whenReady = OrderedLock<[@Sendable () -> Void]>(.notices, [])

  func withLock<Result: Sendable, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result { try state.withLock(body) }

  var isStopped: Bool { state.withLock { $0.isStopped } }
  /// Whether another process waited for its commits within the last second.
  var isGroupCommitAwaited: Bool { state.withLock { $0.recordWanted > Clock.monotonicSeconds } }

  /// Changes the state, and wakes all waiting threads.
  func update(_ change: (inout State) -> Void) {
    let isReady = state.withLock { state in
      let before = state.isReady
      change(&state)
      state.wakeWaiters()
      return state.isReady && !before
    }
    if isReady { for action in whenReady.withLock({ $0 }) { action() } }
  }

  /// Registers the action for the moment from which a restore is possible.
  func whenReady(_ action: @escaping @Sendable () -> Void) { whenReady.withLock { $0 = [action] } }

  func wakeWaiters() { state.withLock { $0.wakeWaiters() } }

  /// Registers an action for the end of the mirror, for every reason of the end.
  ///
  /// The action runs on the thread that ends the mirror.
  func whenStopped(_ action: @escaping @Sendable () -> Void) { whenStopped.withLock { $0.append(action) } }

  /// Ends mirroring; `failure` is a reason that time does not remove.
  ///
  /// Calls `announce` before another thread can see the end, unless mirroring had ended before.
  func stop(because failure: MirrorError? = nil, announce: () -> Void = {}) {
    state.withLock { state in
      defer { state.wakeWaiters() }
      guard !state.isStopped else { return }
      announce()
      state.isStopped = true
      state.failure = failure
      state.phase = failure == nil ? .off : .failed
    }
    let actions = whenStopped.withLock { actions in
      defer { actions = [] }
      return actions
    }
    for action in actions { action() }
  }

  // MARK: Waiting

  /// Waits until `isDone` returns true for the state.
  ///
  /// Throws the reason if the mirror has ended or the store refuses permanently. Throws `.timeout`
  /// if interrupted, and the error of `late` at the deadline (monotonic seconds). With `patient`,
  /// it waits even if the store refuses.
  func wait(
    until deadline: Double, _ health: Health, isInterrupted: (() -> Bool)?, late: () -> MirrorError,
    patient: Bool = false, _ isDone: (State) -> Bool
  ) throws {
    let failuresBefore = health.permanentFailures
    while true {
      let waiter = Semaphore()
      let isOver: Bool = try state.withLock { state in
        guard !state.isStopped else {
          throw state.failure ?? health.lastError ?? MirrorError(.notMirrored, "the mirror is off")
        }
        if isDone(state) { return true }
        state.waiters.append(waiter)
        return false
      }
      if isOver { return }
      if !patient, health.permanentFailures > failuresBefore, let error = health.lastError { throw error }
      while !waiter.wait(seconds: 0.1) {
        if isInterrupted?() == true { throw MirrorError(.timeout, "interrupted") }
        guard Clock.monotonicSeconds < deadline else { throw late() }
      }
    }
  }
}

extension Progress.State {
  /// The last transaction whose entry is in the store; it counts when the base is stored.
  var created: UInt64 { tip?.transaction ?? 0 }

  /// The last transaction that a restore reaches.
  var stored: UInt64 { hasBase ? created : 0 }

  /// The place after the last stored transaction; nil before the first base is stored.
  var storedPlace: Place? { hasBase ? tip?.place : nil }

  var isAllStored: Bool { hasBase && created == captured }

  /// Whether the mirror runs, and something can be restored.
  var isReady: Bool { phase == .running && hasBase }

  fileprivate mutating func wakeWaiters() {
    for waiter in waiters { waiter.signal() }
    waiters.removeAll()
  }
}
