import Dispatch
import ReplicaFormat
import WALFormat

/// What the threads of an engine share; reached under its lock only.
struct EngineState {
  var phase = MirrorStatus.Phase.starting
  var generation: GenerationID?
  /// Last transaction of the generation's base, and whether the base is in the store.
  var baseTransaction: UInt64 = 0
  var hasBase = false
  /// Bytes of pages in the base that is being uploaded, and those of them that are in the store.
  var baseBytes = 0
  var baseBytesSent = 0
  var captured: UInt64 = 0
  var uploaded: UInt64 = 0
  var uploadedState: DatabaseState?
  var uploadedPosition: WALPosition?
  /// Time of its last commit, microseconds since 1970, and the place of the log after it.
  var uploadedTime: Int64 = 0
  var uploadedPlace: Place?
  /// The last entry of the log that is stored, and others with the same transaction number.
  var lastEntries: [Place] = []
  /// The generation that is open: its base is stored, and the chain leads to it.
  var openGeneration: GenerationID?
  /// Whether the session has stored anything.
  var hasStored = false
  /// Whether the session has begun a generation that leaves transactions behind, by order.
  var isFork = false
  /// Why the session may not write any more; it begins anew then.
  var fence: MirrorError?
  /// The database file when it was last known to hold exactly what an epoch of the log began with.
  var fileStamp: PositionRecord.FileStamp?
  /// The transaction that the database file alone holds, where it was all copied there.
  var restingTransaction: UInt64?
  /// Statement batches on their way, and the record that follows a base.
  var batches = 0
  /// Objects of slices stored, parts of a transaction too: goes up each time the outbox has room again.
  var sent = 0
  /// How long the last upload took.
  var lastPutSeconds = 1.0
  var framesCaptured = 0
  var pageSize = 4096
  var databaseBytes = 0
  /// Time of the oldest commit captured but not uploaded, microseconds since 1970.
  var oldest: Int64?
  var isFlushing = 0
  /// Those of them that wait for statements too.
  var isFlushingAll = 0
  /// When somebody waited last for a commit; monotonic seconds.
  var lastAwaited = -Double.infinity
  /// Until when another process waits for the record beside the database; monotonic seconds.
  var recordWanted = -Double.infinity
  var isStopped = false
  var lastError: MirrorError?
  /// When calls of the store began to fail (monotonic seconds), and whether that was told.
  var failingSince: Double?
  var hasToldFailing = false
  var hasToldUnfenced = false
  /// Counts failures that trying again will not mend, so that a waiter can tell a new one.
  var permanentFailures = 0
  /// Raised to have failed calls tried again at once.
  var retries = 0
  /// What was found wrong in the replica: its chain is not to be gone on with.
  var damage: String?
  var notices: [String] = [] { didSet { if !notices.isEmpty { news.raise() } } }
  let news: News
  var waiters: [DispatchSemaphore] = []
  /// Slices of a generation that was given up, still to be uploaded.
  var leftovers: [PendingUpload] = []

  init(_ news: News) { self.news = news }

  /// Last transaction that a restore would reach.
  var mirrored: UInt64 { hasBase ? uploaded : 0 }

  /// The place after the last transaction that is stored; nil before the first base is.
  var storedPlace: Place? { hasBase ? uploadedPlace : nil }

  /// An entry is stored.
  mutating func note(_ entry: PendingUpload) {
    if lastEntries.first?.transaction != entry.place.transaction
      || lastEntries.first?.generation != entry.generation
    {
      lastEntries = []
    }
    lastEntries.append(entry.place)
    hasStored = true
    uploadedPlace = entry.next
  }

  /// A call of the store has succeeded.
  mutating func didReachStore() {
    lastError = nil
    failingSince = nil
    if hasToldFailing { notices.append("mirror: the store answers again") }
    hasToldFailing = false
  }

  /// Lets everybody who waits look again.
  mutating func wakeWaiters() {
    for waiter in waiters { waiter.signal() }
    waiters.removeAll()
  }
}
