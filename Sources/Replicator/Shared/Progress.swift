import Files
import ReplicaFormat
import WALFormat

/// How far the mirror is: commits are committed in SQLite's log, captured from it, and stored.
///
/// The only thing that anybody waits on. Each group of fields below has one stage that writes it.
final class Progress: Sendable {
  struct State {
    // Pipeline
    var phase = MirrorStatus.Phase.starting
    var isStopped = false
    /// Why mirroring has ended for good.
    var failure: MirrorError?

    // SessionStart, GenerationOpener, BaseUploader
    var generation: GenerationID?
    /// The generation that is open: its base is stored, and the chain leads to it.
    var openGeneration: GenerationID?
    /// Last transaction of the generation's base, and whether the base is in the store.
    var baseTransaction: UInt64 = 0
    var hasBase = false
    /// Bytes of pages in the base that is being uploaded, and those of them that are in the store.
    var baseBytes = 0
    var baseBytesSent = 0
    /// Whether the session has begun a generation that leaves transactions behind, by order.
    var isFork = false

    // Capturer
    var captured: UInt64 = 0
    var framesCaptured = 0
    var pageSize = 4096
    var databaseBytes = 0
    /// Time of the oldest commit captured but not stored, microseconds since 1970.
    var oldest: Int64?

    // Checkpointer
    /// The database file when it was last known to hold exactly what an epoch of the log began with.
    var fileStamp: PositionRecord.FileStamp?
    /// The transaction that the database file alone holds, if the log was all copied there.
    var restingTransaction: UInt64?

    // SliceUploader
    var tip: LogTip?
    /// Whether the session has stored anything.
    var hasStored = false
    /// Entries stored; goes up each time the queue has room again.
    var sent = 0
    /// Why the session may not write any more; it begins anew then.
    var fence: MirrorError?

    // BatchUploader, Maintainer
    /// Statement batches on their way.
    var batches = 0
    /// Transactions of the generation whose statements are stored.
    var statements = ContiguousReach(end: 0)
    /// What was found wrong in the replica: its chain cannot be continued.
    var damage: String?

    // Flush
    /// Threads that wait for commits, and those of them that wait for statements too.
    var flushes = 0
    var statementFlushes = 0
    /// When somebody waited last for a commit; monotonic seconds.
    var lastAwaited = -Double.infinity
    /// Until when another process waits for the position record; monotonic seconds.
    var recordWanted = -Double.infinity

    fileprivate var waiters: [Semaphore] = []
  }

  /// The end of the generation's log as this session knows it.
  struct LogTip: Sendable {
    var transaction: UInt64
    /// The database after it, and where in SQLite's log it ends.
    var state: DatabaseState
    var position: WALPosition?
    /// When it was committed, microseconds since 1970.
    var time: Int64
    /// The place after the last entry.
    var place: Place
    /// The last entry, and others with the same transaction number.
    var entries: [Place]

    /// An entry is in the store.
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

  /// Ranges of transactions that arrive in any order, and how far they reach without a gap.
  struct ContiguousReach: Sendable {
    /// The last transaction with everything before it.
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
  /// Called once when the mirror stops, without a lock.
  private let whenStopped = OrderedLock<[@Sendable () -> Void]>(.notices, [])

  func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending State) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result { try state.withLock(body) }

  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Changes the state and lets everybody who waits look again.
  func update(_ change: (inout State) -> Void) {
    state.withLock {
      change(&$0)
      $0.wakeWaiters()
    }
  }

  func wakeWaiters() { state.withLock { $0.wakeWaiters() } }

  /// Has `action` called when the mirror stops, whatever the reason.
  func whenStopped(_ action: @escaping @Sendable () -> Void) { whenStopped.withLock { $0.append(action) } }

  /// Ends mirroring; `failure` is a reason that waiting does not mend.
  ///
  /// Calls `announce` before anybody can see the end, unless mirroring had ended before.
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
  /// Throws the reason if the mirror has ended or the store refuses for good, `.timeout` if interrupted, and what `late` returns at
  /// the deadline (monotonic seconds). With `patient`, the store's refusals are waited out.
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
  /// Last transaction whose entry is in the store; it counts once the base does.
  var created: UInt64 { tip?.transaction ?? 0 }

  /// Last transaction that a restore reaches.
  var stored: UInt64 { hasBase ? created : 0 }

  /// The place after the last transaction that is stored; nil before the first base is.
  var storedPlace: Place? { hasBase ? tip?.place : nil }

  var isAllStored: Bool { hasBase && created == captured }

  fileprivate mutating func wakeWaiters() {
    for waiter in waiters { waiter.signal() }
    waiters.removeAll()
  }
}
