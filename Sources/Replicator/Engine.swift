import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

/// The threads of a mirror: one reads the log, one uploads slices, one statement batches, and some a base.
///
/// Started once; `stop` ends it for good.
final class Engine: Sendable {
  let settings: MirrorSettings
  let store: MeteredStore
  let path: String
  let wasEmpty: Bool
  /// Where the log ended when the guard was first held.
  let from: WALPosition?
  /// When the session began, before its first commit; microseconds since 1970.
  let began = Clock.wallMicroseconds
  let pendingCommits = PendingCommits()
  let capture: CaptureLock
  let lease: Lease
  /// The log as the present session writes it; another one after each beginning.
  let slots: Mutex<SlotLog>
  /// Locked as long as this mirror runs: one process mirrors a database, others stand by.
  private let claim: Mutex<File?>
  private let fileInode: Mutex<UInt64?>
  private let lastFileCheck = Mutex(0.0)
  let state: Mutex<EngineState>
  private let notices: Notices
  let news: News
  let turn = Mutex(UploadState())
  /// Held while the record beside the database is written.
  let recordLock = Mutex(())
  /// Tells that a process which stands by waits for its commits.
  private let demand: FileWatch?
  /// Tells that somebody wrote to the log or copied it.
  let logChanges: FileWatch?
  let isLogWatched = Mutex(true)
  /// When somebody did so last; monotonic seconds.
  ///
  /// What was written is committed a moment later.
  let logWritten = Mutex(-Double.infinity)
  let captureSignal = Signal()
  let uploadSignal = Signal()
  private let captureQueue = DispatchQueue(label: "mirror.capture")
  private let uploadQueue = DispatchQueue(label: "mirror.upload")
  private let demandQueue = DispatchQueue(label: "mirror.demand")
  private let logQueue = DispatchQueue(label: "mirror.log")
  let statementQueue = DispatchQueue(label: "mirror.statements")
  let waitingBatches = Mutex(WaitingBatches())
  /// Its threads give way, as those of a background pool do: sessions that write go first.
  let baseQueue = DispatchQueue(label: "mirror.base", qos: .background)
  let maintenanceQueue = DispatchQueue(label: "mirror.maintenance")
  let maintenance = Mutex(Maintenance())
  /// Held from the listing of parts to the manifest that names them, and while parts are deleted.
  let parts = Mutex(())
  let running = DispatchGroup()

  init(
    settings: MirrorSettings, store: any ObjectStore, path: String, wasEmpty: Bool, from: WALPosition?,
    guardian: sending Guard, claim: File, news: News
  ) throws {
    self.settings = settings
    self.news = news
    state = Mutex(EngineState(news))
    notices = Notices(news)
    self.store = MeteredStore(store)
    self.path = path
    self.wasEmpty = wasEmpty
    self.from = from
    self.claim = Mutex(claim)
    demand = FileWatch([Self.recordPath(path)], .times)
    logChanges = FileWatch([path + "-wal", path], .content, once: true)
    fileInode = Mutex(try FileInfo.of(path)?.inode)
    capture = CaptureLock(guardian)
    lease = try Lease(self.store)
    slots = Mutex(SlotLog(self.store, database: path, host: settings.host))
  }

  /// Holds the log of a database, and knows where it ends: everything after that place is captured commit by commit.
  ///
  /// Throws `.unsuitable` if the database is not in WAL mode.
  static func begin(
    _ path: String, claim: File, store: any ObjectStore, settings: MirrorSettings, wasEmpty: Bool, news: News
  ) throws -> Engine {
    let guardian = try Guard(path, vfs: nil)
    try guardian.renew()
    let tail = try LogTail(File(path + "-wal", .read), of: guardian.file)
    _ = try tail?.scan(bytes: .max, limit: nil, all: true)
    return try Engine(
      settings: settings, store: store, path: path, wasEmpty: wasEmpty, from: tail?.position,
      guardian: guardian, claim: claim, news: news)
  }

  func start() {
    captureQueue.async(group: running) { self.captureLoop() }
    uploadQueue.async(group: running) { self.uploadLoop() }
    if let demand { demandQueue.async(group: running) { self.demandLoop(demand) } }
    if let logChanges { logQueue.async(group: running) { self.logLoop(logChanges) } }
  }

  var isStopped: Bool { state.withLock { $0.isStopped } }
  var hasStored: Bool { state.withLock { $0.hasStored } || lease.isHeld }

  /// What is to be told at the next prompt, once.
  func takeNotices() -> [String] {
    notices.take()
      + state.withLock { state in
        defer { state.notices.removeAll() }
        return state.notices
      }
  }

  /// Ends the threads; what has not been uploaded stays in the log.
  func stop() {
    state.withLock {
      $0.isStopped = true
      if $0.phase != .failed { $0.phase = .off }
      $0.wakeWaiters()
    }
    capture.close()
    demand?.cancel()
    logChanges?.cancel()
    captureSignal.raise()
    uploadSignal.raise()
    // What is on its way ends first, where that does not take long; then another process may have the database.
    _ = running.wait(timeout: .now() + 1)
    claim.withLock {
      $0?.unlock()
      $0 = nil
    }
  }

  // MARK: The capturing thread

  private func captureLoop() {
    var reason: String?
    var attempt = 0
    while !isStopped {
      do {
        try begin(newGenerationBecause: reason)
        reason = nil
        attempt = 0
        try follow()
        return
      } catch let error as MirrorError where error.code == .hole {
        reason = error.message
        giveUpGeneration(error)
        // The seal stands after the last entry of the log that was captured before.
        awaitLeftovers()
      } catch let error as MirrorError where error.code == .fenced {
        reason = nil
        try? giveUpSession(error)
      } catch let error as ObjectStoreError where error.code == .sealed {
        // Nothing that is not encrypted, or not for this key, may follow.
        return fail(MirrorError(.refused, error.description))
      } catch let error as ObjectStoreError {
        report(error)
        attempt += 1
        pauseBeforeRetry(attempt)
      } catch let error as SQLiteError
        where error.isBusy && capture.withLock({ $0.capture == nil })
      {
        // Another process has the database to itself for a moment.
        attempt += 1
        pauseBeforeRetry(attempt)
      } catch let error as MirrorError {
        return fail(error, after: state.withLock { $0.fence })
      } catch let error as FormatError where !isStopped {
        return fail(
          MirrorError(.refused, "\(store.url) is damaged: \(error): use .mirror verify, or another prefix"))
      } catch {
        return fail(MirrorError(.database, "mirror \(path): \(error)"))
      }
    }
  }

  /// Reads the log as it grows, until the mirror stops.
  private func follow() throws {
    while !isStopped {
      if let damage = state.withLock({ $0.damage }) {
        state.withLock { $0.damage = nil }
        throw MirrorError(.hole, "the replica is damaged: \(damage)")
      }
      if let fence = state.withLock({ $0.fence }) { throw fence }
      try checkFile()
      switch try captureOnce(bytes: 4 << 20) {
      case .budget: continue
      case .full:
        uploadSignal.raise()
        captureSignal.wait(seconds: 0.05)
        continue
      case .atEnd, .unannounced: break
      }
      // A session that writes makes its own checkpoints.
      let isSessionActive = pendingCommits.takeActivity()
      if !isSessionActive { try checkpointForOthers() }
      let pause = try giveWay(isSessionActive: isSessionActive)
      // What waits for a slice that is not due yet need not be taken commit by commit.
      if settings.durability == .async, settings.syncInterval > 0.1, hasOpenSlice {
        captureSignal.rest(seconds: 0.005)
      }
      captureSignal.wait(seconds: pause)
    }
  }

  /// Looks now and then whether the database is still the file of its name.
  private func checkFile() throws {
    let now = Clock.monotonicSeconds
    guard now - lastFileCheck.withLock({ $0 }) > 2 else { return }
    lastFileCheck.withLock { $0 = now }
    let inode = try FileInfo.of(path)?.inode
    let first = fileInode.withLock { known in
      known = known ?? inode
      return known
    }
    guard inode != first else { return }
    throw MirrorError(
      .unsuitable,
      "\(path) was \(inode == nil ? "removed" : "replaced by another file"): what is written here goes to the old one and "
        + "is mirrored no more; open it again")
  }

  /// Takes what the log holds, reading about `bytes` bytes at most; returns why it stopped.
  @discardableResult
  func captureOnce(bytes: Int, tellsUploader: Bool = true) throws -> Capture.Stop {
    let taken: (stop: Capture.Stop, changed: Bool)? = try capture.withLock { site in
      guard let capture = site.capture else { return nil }
      let before = capture.encoder.transaction
      let stop = try capture.advance(bytes: bytes)
      note(capture)
      return (stop, capture.encoder.transaction != before || capture.encoder.isFull)
    }
    if taken?.changed == true, tellsUploader { uploadSignal.raise() }
    return taken?.stop ?? .atEnd
  }

  /// Publishes how far the log is read.
  func note(_ capture: Capture) {
    let encoder = capture.encoder
    state.withLock {
      $0.captured = encoder.transaction
      $0.framesCaptured = capture.framesTaken
      $0.pageSize = encoder.state.pageSize
      $0.databaseBytes = Int(encoder.state.pages) * encoder.state.pageSize
      if $0.oldest == nil { $0.oldest = encoder.oldestOpenTime }
    }
  }

  /// The chain is broken: what was captured before is still uploaded, what follows needs a new base.
  private func giveUpGeneration(_ error: MirrorError) {
    let left = capture.withLock { site -> [PendingUpload] in
      var left: [PendingUpload] = []
      while let next = site.capture?.encoder.takeNext() { left.append(next) }
      site.capture = nil
      return left
    }
    state.withLock {
      $0.leftovers += left
      $0.hasBase = false
      $0.notices.append("\(error.message); starting a new generation")
    }
    uploadSignal.raise()
  }

  /// Waits until what was captured before the generation was given up is stored, or the session may not write any more.
  private func awaitLeftovers() {
    while !isStopped,
      state.withLock({ $0.fence == nil && !$0.leftovers.isEmpty }) || turn.withLock({ !$0.held.isEmpty })
    {
      if state.withLock({ $0.fence != nil }) { return }
      uploadSignal.raise()
      captureSignal.wait(seconds: 0.05)
    }
  }

  /// Another session writes to the replica: what is on its way is given up, and the session begins anew.
  private func giveUpSession(_ error: MirrorError) throws {
    capture.withLock { $0.capture = nil }
    turn.withLock { $0.held = [] }
    state.withLock {
      $0.phase = .starting
      $0.leftovers = []
      $0.hasBase = false
      // Kept for the message, should the session not be able to begin again.
      $0.lastError = error
    }
    try capture.withLock { site in
      guard !site.isClosed else { return }
      try site.guardian.renew()
    }
  }

  // MARK: Failures

  /// Waits before another attempt: doubling from 0.2 to 30 seconds, with jitter; less where somebody asks for it
  /// or the mirror stops.
  func pauseBeforeRetry(_ attempt: Int) {
    let pause = min(0.2 * Double(1 << min(attempt - 1, 10)), 30) * .random(in: 0.75...1.25)
    let end = Clock.monotonicSeconds + pause
    let retries = state.withLock { $0.retries }
    let never = DispatchSemaphore(value: 0)
    while Clock.monotonicSeconds < end, state.withLock({ !$0.isStopped && $0.retries == retries }) {
      _ = never.wait(timeout: .now() + min(0.1, pause))
    }
  }

  /// Keeps an error of the store for the status and for those who wait.
  func report(_ error: ObjectStoreError) {
    let now = Clock.monotonicSeconds
    state.withLock {
      $0.lastError = MirrorError(.store, error.description)
      if let since = $0.failingSince {
        if !$0.hasToldFailing, now - since > 2 || !error.isTransient {
          $0.hasToldFailing = true
          $0.notices.append("mirror: \(error); trying again until it works")
        }
      } else {
        $0.failingSince = now
      }
      if !error.isTransient {
        $0.permanentFailures += 1
        $0.wakeWaiters()
      }
    }
  }

  /// Ends mirroring for a reason that waiting does not mend.
  func fail(_ error: MirrorError, after fence: MirrorError? = nil) {
    let error = fence.map { MirrorError(error.code, "\($0.message); \(error.message)") } ?? error
    state.withLock {
      guard !$0.isStopped else { return }
      $0.phase = .failed
      $0.isStopped = true
      $0.lastError = error
      $0.notices.append("mirror off: \(error.message)")
      $0.wakeWaiters()
    }
    capture.close()
    demand?.cancel()
    logChanges?.cancel()
    captureSignal.raise()
    uploadSignal.raise()
  }
}
