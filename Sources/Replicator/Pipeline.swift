import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

/// Mirrors one database: connects the stages, runs their threads, and decides nothing itself.
///
/// ```
/// SQLite's log → Capturer → CommitEncoder → UploadQueue → SliceUploader → SlotLog → store
///                                                             └→ BatchUploader
/// ```
///
/// - `Capturer` reads commits from SQLite's log.
/// - `CommitEncoder` packs their pages and statements into entries.
/// - `UploadQueue` holds entries until `SliceUploader` creates them in the store.
/// - `SlotLog` applies the rules of `Docs/Protocol.md` to each entry.
/// - `BatchUploader` stores the statements of stored slices.
/// - `Maintainer` and `BaseUploader` keep history short to restore.
/// - `Progress` holds the last captured and the last stored transaction.
///
/// A pipeline starts once. `stop` ends it, and it cannot start again.
///
/// ```
/// let pipeline = try Pipeline(
///   path, claim: claim, store: store, settings: settings, wasEmpty: false, notices: notices)
/// pipeline.start()
/// try pipeline.flush.run(seconds: 30, all: true)
/// pipeline.stop()
/// ```
final class Pipeline: Sendable {
  let settings: MirrorSettings
  let store: MeteredStore
  let database: String
  /// The end of the log when the guard first held it.
  let from: WALPosition?
  let progress = Progress()
  let health: Health
  let capturer: Capturer
  let checkpointer: Checkpointer
  let bases: BaseUploader
  let maintainer: Maintainer
  let recorder: PositionRecorder
  let flush: Flush
  private let retrying: RetryingStore
  private let queue: UploadQueue
  private let uploader: SliceUploader
  private let ledger = GenerationLedger()
  private let log: SessionLog
  private let position: PositionFile
  private let opener: GenerationOpener
  private let sessionStart: SessionStart
  private let logWatch: LogWatch
  /// Reports that a standby waits for its commits.
  private let demands: FileWatch?
  private let fileCheck: FileCheck
  private let running = DispatchGroup()

  /// Holds the log of a database, and notes its end.
  ///
  /// Everything after that end is captured commit by commit. `claim` is the locked position file.
  /// Throws `.unsuitable` if the database is not in WAL mode. Called on the session's thread, or on
  /// the thread of a standby.
  init(
    _ database: String, claim: File, store: any ObjectStore, settings: MirrorSettings, wasEmpty: Bool,
    notices: NoticeQueue
  ) throws {
    let guardian = try Guard(database, vfs: nil)
    try guardian.renew()
    let tail = try LogTail(File(database + "-wal", .read), of: guardian.file)
    _ = try tail?.scan(bytes: .max, limit: nil, all: true)
    from = tail?.position
    self.settings = settings
    self.database = database
    let began = Clock.wallMicroseconds
    self.store = MeteredStore(store)
    health = Health(notices)
    retrying = RetryingStore(self.store, progress, health)
    queue = UploadQueue(limit: settings.queueBytes)
    let capturer = Capturer(guardian, of: database, progress, queue)
    self.capturer = capturer
    log = SessionLog(self.store, database: database, settings)
    position = PositionFile(of: database, claim: claim)
    recorder = PositionRecorder(
      file: position, store: self.store, progress: progress, ledger: ledger, log: log, settings: settings)
    logWatch = LogWatch(database)
    demands = position.watchDemands()
    fileCheck = try FileCheck(database)
    checkpointer = Checkpointer(
      capturer: capturer, progress: progress, queue: queue, recorder: recorder, watch: logWatch,
      settings: settings)
    bases = BaseUploader(retrying, capturer, ledger, recorder, settings, in: running)
    let lease = try Lease(self.store)
    maintainer = Maintainer(retrying, ledger, bases, lease, log, settings, in: running) {
      capturer.wakeup.raise()
    }
    let batches = BatchUploader(retrying, maintainer, settings, in: running)
    uploader = SliceUploader(queue, capturer, log, retrying, batches, maintainer, recorder, settings)
    opener = GenerationOpener(
      store: retrying, bases: bases, batches: batches, maintainer: maintainer, ledger: ledger,
      recorder: recorder, log: log, uploads: queue.arrivals, captures: capturer.wakeup, began: began)
    sessionStart = SessionStart(
      store: self.store, settings: settings, capturer: capturer, queue: queue, progress: progress,
      position: position, lease: lease, wasEmpty: wasEmpty, from: from, began: began)
    flush = Flush(
      capturer: capturer, uploader: uploader, batches: batches, queue: queue, progress: progress,
      health: health, settings: settings, url: store.url)
  }

  func start() {
    // A strong reference does no harm: the actions are released after the call.
    progress.whenStopped { [capturer, demands, logWatch, queue] in
      capturer.close()
      demands?.cancel()
      logWatch.cancel()
      capturer.wakeup.raise()
      queue.arrivals.raise()
    }
    run("mirror.capture") { self.capture() }
    run("mirror.upload") { self.upload() }
    if demands != nil { run("mirror.demand") { self.answerDemands() } }
    if logWatch.isPossible {
      run("mirror.log") {
        self.logWatch.run(while: { !self.isStopped }) { self.capturer.wakeup.raise() }
      }
    }
  }

  private func run(_ name: String, _ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: name).async(group: running, execute: body)
  }

  var isStopped: Bool { progress.isStopped }
  var hasStored: Bool { progress.withLock { $0.hasStored } || maintainer.lease.isHeld }
  /// Whether another process waited for its commits within the last second.
  var isGroupCommitAwaited: Bool { progress.withLock { $0.recordWanted > Clock.monotonicSeconds } }

  /// Ends the threads; commits that are not stored stay in the log.
  ///
  /// Called on the session's thread.
  func stop() {
    progress.stop()
    // Requests under way may end first, for at most a second. Then another process may have the
    // database.
    let ended = Semaphore()
    running.notify(queue: .global()) { ended.signal() }
    _ = ended.wait(seconds: 1)
    position.release()
  }

  // MARK: The capturing thread

  /// Begins a session, and a new one each time that the replica or the log requires it.
  private func capture() {
    var reason: String?
    var failures = 0
    while !isStopped {
      do {
        try begin(newGenerationBecause: reason)
        reason = nil
        failures = 0
        return try follow()
      } catch let error as MirrorError where error.code == .hole {
        reason = error.message
        giveUpGeneration(error)
      } catch let error as MirrorError where error.code == .fenced {
        reason = nil
        giveUpSession(error)
      } catch let error as ObjectStoreError where error.code == .sealed {
        // Nothing without encryption, or for another key, may follow a sealed object.
        return fail(MirrorError(.refused, error.description))
      } catch let error as ObjectStoreError {
        failures += 1
        retrying.wait(after: error, failures: failures)
      } catch let error as SQLiteError
        where error.isBusy && capturer.withLock({ $0.capture == nil })
      {
        // Another process holds the database exclusively for a moment.
        failures += 1
        health.pause(after: failures) { isStopped }
      } catch let error as MirrorError {
        return fail(error)
      } catch let error as FormatError where !isStopped {
        return fail(
          MirrorError(.refused, "\(store.url) is damaged: \(error): use .mirror verify, or another prefix"))
      } catch {
        return fail(MirrorError(.database, "mirror \(database): \(error)"))
      }
    }
  }

  private func fail(_ error: MirrorError) {
    let fence = progress.withLock { $0.fence }
    retrying.fail(fence.map { MirrorError(error.code, "\($0.message); \(error.message)") } ?? error)
  }

  /// Begins a session.
  ///
  /// It continues the replica's generation, or opens a new one and starts the upload of its base.
  private func begin(newGenerationBecause reason: String?) throws {
    let slots = log.begin()
    guard let ready = try sessionStart.find(slots, newGenerationBecause: reason) else { return }
    // The uploading thread takes slices from the capture and notes them in the ledger. Therefore
    // the lock publishes both together.
    let isOpen = capturer.withLock { site in
      guard !site.isClosed else { return false }
      ledger.begin(ready.maintenance)
      publish(ready)
      site.capture = ready.capture
      return true
    }
    guard isOpen else { return }
    health.didReachStore()
    if let opening = ready.opening {
      opener.begin(opening, slots)
    } else {
      if ready.maintenance.hasGap { maintainer.startIfDue() }
      if !ready.hasTaken { recorder.save() }
    }
  }

  /// Publishes the start of the capture and the tip that it continues.
  private func publish(_ ready: SessionStart.Ready) {
    let isOld = ready.opening == nil
    progress.update {
      $0.phase = .running
      $0.generation = ready.tip.place.generation
      $0.baseTransaction = ready.baseTransaction
      $0.hasBase = isOld
      if isOld { $0.openGeneration = ready.tip.place.generation }
      $0.captured = ready.tip.transaction
      $0.tip = ready.tip
      $0.statements = Progress.ContiguousReach(end: ready.statements)
      $0.fence = nil
      if let opening = ready.opening { $0.isFork = opening.generation.isFork }
      $0.fileStamp = ready.stamp
      // If the log held no commit of the replica, the file alone held the state.
      $0.restingTransaction = ready.hasTaken ? nil : ready.tip.transaction
    }
  }

  /// Captures the log as it grows, until the mirror stops.
  private func follow() throws {
    while !isStopped {
      try checkState()
      switch try capturer.capture(bytes: 4 << 20) {
      case .budget: continue
      case .full:
        queue.arrivals.raise()
        capturer.wakeup.wait(seconds: 0.05)
        continue
      case .atEnd, .unannounced: break
      }
      // A session that writes makes its own checkpoints.
      let isSessionActive = capturer.pendingCommits.takeActivity()
      if !isSessionActive { try checkpointer.checkpointForOthers() }
      let pause = try checkpointer.giveWay(
        isSessionActive: isSessionActive, isGroupCommitAwaited: isGroupCommitAwaited)
      // Commits of a slice that is not due yet can be captured together.
      if settings.durability == .async, settings.syncInterval > 0.1, capturer.hasOpenSlice {
        capturer.wakeup.rest(seconds: Pacing.captureRest)
      }
      capturer.wakeup.wait(seconds: pause)
    }
  }

  /// Throws the error of another stage that ends the session or the generation.
  private func checkState() throws {
    let (damage, fence) = progress.withLock { state in
      defer { state.damage = nil }
      return (state.damage, state.fence)
    }
    if let damage { throw MirrorError(.hole, "the replica is damaged: \(damage)") }
    if let fence { throw fence }
    try fileCheck.check()
  }

  /// Ends the generation because the chain of commits is broken.
  ///
  /// Commits captured before are still stored. The commits after them need a new base.
  private func giveUpGeneration(_ error: MirrorError) {
    capturer.giveUp(keepsCaptured: true)
    progress.withLock { $0.hasBase = false }
    health.notices.add("\(error.message); starting a new generation")
    // The seal must follow the last entry that was captured before.
    while !isStopped, progress.withLock({ $0.fence == nil }), !queue.isEmpty || uploader.isBusy {
      queue.arrivals.raise()
      capturer.wakeup.wait(seconds: 0.05)
    }
  }

  /// Ends the session because another session writes to the replica.
  ///
  /// Pending entries are dropped, and a new session begins.
  private func giveUpSession(_ error: MirrorError) {
    capturer.giveUp(keepsCaptured: false)
    uploader.giveUp()
    progress.withLock {
      $0.phase = .starting
      $0.hasBase = false
    }
    // The message needs it if the session cannot begin again.
    health.note(error)
    try? capturer.renewGuard()
  }

  // MARK: Other threads

  private func upload() {
    do {
      try uploader.run()
    } catch {
      retrying.fail(error as? MirrorError ?? MirrorError(.store, "\(error)"))
    }
  }

  /// Answers standbys that wait for their commits.
  private func answerDemands() {
    guard let demands else { return }
    while !isStopped {
      guard demands.wait(seconds: nil), !isStopped else { continue }
      progress.withLock { $0.recordWanted = Clock.monotonicSeconds + 1 }
      do {
        while try capturer.capture(bytes: 64 << 20) == .budget {}
      } catch {
        capturer.wakeup.raise()
      }
      if progress.withLock({ $0.created == $0.captured }) { recorder.save() } else { queue.arrivals.raise() }
    }
  }
}

/// Checks every two seconds that the path still names the same database file.
private final class FileCheck: Sendable {
  private let path: String
  private let inode: Mutex<UInt64?>
  private let last = Mutex(0.0)

  init(_ path: String) throws {
    self.path = path
    inode = Mutex(try FileInfo.of(path)?.inode)
  }

  /// Throws `.unsuitable` if the path names another file, or none.
  func check() throws {
    let now = Clock.monotonicSeconds
    guard now - last.withLock({ $0 }) > 2 else { return }
    last.withLock { $0 = now }
    let current = try FileInfo.of(path)?.inode
    let first = inode.withLock { known in
      known = known ?? current
      return known
    }
    guard current != first else { return }
    throw MirrorError(
      .unsuitable,
      "\(path) was \(current == nil ? "removed" : "replaced by another file"): what is written here goes to the old one and "
        + "is mirrored no more; open it again")
  }
}
