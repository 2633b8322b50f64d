import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

/// The mirror of one database: wires the stages and their threads, and holds no policy.
///
/// ```
/// SQLite's log → Capturer → CommitEncoder → UploadQueue → SliceUploader → SlotLog → store
///                                                             └→ BatchUploader
/// ```
///
/// Beside them `Maintainer` and `BaseUploader` keep history short to restore. `Progress` says how far each is. Started once; `stop` ends
/// it for good.
final class Pipeline: Sendable {
  let settings: MirrorSettings
  let store: MeteredStore
  let database: String
  /// Where the log ended when the guard was first held.
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
  /// Reports that a process which stands by waits for its commits.
  private let demands: FileWatch?
  private let fileCheck: FileCheck
  private let running = DispatchGroup()

  /// Holds the log of a database, and knows where it ends: everything after that place is captured commit by commit.
  ///
  /// `claim` is the locked position file. Throws `.unsuitable` if the database is not in WAL mode.
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
    // Not weak: it is soon over, and the actions go once they were called.
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
  /// Whether another process waited for commits of its own a moment ago.
  var isGroupCommitAwaited: Bool { progress.withLock { $0.recordWanted > Clock.monotonicSeconds } }

  /// Ends the threads; what is not stored stays in the log.
  func stop() {
    progress.stop()
    // What is on its way ends first, if that does not take long; then another process may have the database.
    let ended = Semaphore()
    running.notify(queue: .global()) { ended.signal() }
    _ = ended.wait(seconds: 1)
    position.release()
  }

  // MARK: The capturing thread

  /// Begins a session, and another one each time that the replica or the log asks for it.
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
        // Nothing that is not encrypted, or not for this key, may follow.
        return fail(MirrorError(.refused, error.description))
      } catch let error as ObjectStoreError {
        failures += 1
        retrying.wait(after: error, failures: failures)
      } catch let error as SQLiteError
        where error.isBusy && capturer.withLock({ $0.capture == nil })
      {
        // Another process has the database to itself for a moment.
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

  /// Begins a session: goes on in the replica's generation, or begins a generation and has its base uploaded.
  private func begin(newGenerationBecause reason: String?) throws {
    let slots = log.begin()
    guard let ready = try sessionStart.find(slots, newGenerationBecause: reason) else { return }
    // Slices are taken from what is there, and what becomes of them is noted: so all of it is there at once.
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

  /// Publishes what is captured from now on, and where it goes on from.
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
      // Without a commit in the log the file alone was found to hold the state.
      $0.restingTransaction = ready.hasTaken ? nil : ready.tip.transaction
    }
  }

  /// Reads the log as it grows, until the mirror stops.
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
      // What waits for a slice that is not due yet need not be taken commit by commit.
      if settings.durability == .async, settings.syncInterval > 0.1, capturer.hasOpenSlice {
        capturer.wakeup.rest(seconds: Pacing.captureRest)
      }
      capturer.wakeup.wait(seconds: pause)
    }
  }

  /// Throws what another stage has found that ends the session or the generation.
  private func checkState() throws {
    let (damage, fence) = progress.withLock { state in
      defer { state.damage = nil }
      return (state.damage, state.fence)
    }
    if let damage { throw MirrorError(.hole, "the replica is damaged: \(damage)") }
    if let fence { throw fence }
    try fileCheck.check()
  }

  /// The chain of commits is broken: what was captured before is still uploaded, what follows needs a new base.
  private func giveUpGeneration(_ error: MirrorError) {
    capturer.giveUp(keepsCaptured: true)
    progress.withLock { $0.hasBase = false }
    health.notices.add("\(error.message); starting a new generation")
    // The seal stands after the last entry of the log that was captured before.
    while !isStopped, progress.withLock({ $0.fence == nil }), !queue.isEmpty || uploader.isBusy {
      queue.arrivals.raise()
      capturer.wakeup.wait(seconds: 0.05)
    }
  }

  /// Another session writes to the replica: what is on its way is given up, and a new session begins.
  private func giveUpSession(_ error: MirrorError) {
    capturer.giveUp(keepsCaptured: false)
    uploader.giveUp()
    progress.withLock {
      $0.phase = .starting
      $0.hasBase = false
    }
    // Kept for the message, should the session not be able to begin again.
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

  /// Answers processes that stand by and wait for commits of theirs.
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

/// Looks now and then whether a database is still the file of its name.
private final class FileCheck: Sendable {
  private let path: String
  private let inode: Mutex<UInt64?>
  private let last = Mutex(0.0)

  init(_ path: String) throws {
    self.path = path
    inode = Mutex(try FileInfo.of(path)?.inode)
  }

  /// Throws `.unsuitable` if it is another file, or none.
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
