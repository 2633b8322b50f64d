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
/// A pipeline starts once. `stop` ends it, and it cannot start again. The stages have threads of their
/// own; with a `PipelineHost` they are steps on the host's threads.
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
  private let captures: CaptureStage
  private let logWatch: LogWatch
  /// Reports that a standby waits for its commits.
  private let demands: FileWatch?
  private let fileCheck: FileCheck
  private let host: PipelineHost?
  private let running = DispatchGroup()

  /// Holds the log of a database, and notes its end.
  ///
  /// Everything after that end is captured commit by commit. `claim` is the locked position file.
  /// Throws `.unsuitable` if the database is not in WAL mode. Called on the session's thread, or on
  /// the thread of a standby.
  init(
    _ database: String, claim: File, store: any ObjectStore, settings: MirrorSettings, wasEmpty: Bool,
    notices: NoticeQueue, host: PipelineHost? = nil
  ) throws {
    let guardian = try Guard(database, vfs: nil)
    try guardian.renew()
    let tail = try LogTail(File(database + "-wal", .read), of: guardian.file)
    _ = try tail?.scan(bytes: .max, limit: nil, all: true)
    from = tail?.position
    self.settings = settings
    self.database = database
    self.host = host
    let began = Clock.wallMicroseconds
    self.store = MeteredStore(store)
    health = Health(notices)
    retrying = RetryingStore(self.store, progress, health, pool: host?.background)
    queue = UploadQueue(limit: settings.queueBytes)
    let capturer = Capturer(guardian, of: database, progress, queue)
    self.capturer = capturer
    log = SessionLog(self.store, database: database, settings)
    position = PositionFile(of: database, claim: claim)
    recorder = PositionRecorder(
      file: position, store: self.store, progress: progress, ledger: ledger, log: log, settings: settings)
    logWatch = LogWatch(database, host?.watch) { capturer.wakeup.raise() }
    demands = host == nil ? position.watchDemands() : nil
    fileCheck = try FileCheck(database)
    checkpointer = Checkpointer(
      capturer: capturer, progress: progress, queue: queue, recorder: recorder, watch: logWatch,
      settings: settings)
    bases = BaseUploader(retrying, capturer, ledger, recorder, settings, in: running, on: host?.background)
    let lease = try Lease(self.store)
    maintainer = Maintainer(retrying, ledger, bases, lease, log, settings, in: running, on: host?.background)
    {
      capturer.wakeup.raise()
    }
    let batches = BatchUploader(retrying, maintainer, settings, in: running, on: host?.background)
    let attempts = host == nil ? retrying : RetryingStore(self.store, progress, health, isPatient: false)
    uploader = SliceUploader(queue, capturer, log, attempts, batches, maintainer, recorder, settings)
    let opener = GenerationOpener(
      store: retrying, bases: bases, batches: batches, maintainer: maintainer, ledger: ledger,
      recorder: recorder, log: log, uploads: queue.arrivals, captures: capturer.wakeup, began: began)
    let start = SessionStart(
      store: self.store, settings: settings, capturer: capturer, queue: queue, progress: progress,
      position: position, lease: lease, wasEmpty: wasEmpty, from: from, began: began)
    flush = Flush(
      capturer: capturer, uploader: uploader, batches: batches, queue: queue, progress: progress,
      health: health, settings: settings, url: store.url)
    captures = CaptureStage(
      retrying, settings, capturer, checkpointer, queue, uploader, log, start, opener, maintainer, ledger,
      recorder, fileCheck, host: host)
  }

  func start() {
    if let host { return start(on: host) }
    // A strong reference does no harm: the actions are released after the call.
    progress.whenStopped { [capturer, demands, logWatch, queue] in
      capturer.close()
      demands?.cancel()
      logWatch.cancel()
      capturer.wakeup.raise()
      queue.arrivals.raise()
    }
    run("mirror.capture") { self.captures.run() }
    run("mirror.upload") { self.upload() }
    if demands != nil { run("mirror.demand") { self.answerDemands() } }
    if logWatch.isPossible {
      run("mirror.log") { self.logWatch.run(while: { !self.isStopped }) }
    }
  }

  private func run(_ name: String, _ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: name).async(group: running, execute: body)
  }

  /// Runs the stages as steps on a host's threads.
  private func start(on host: PipelineHost) {
    let capture = StageRunner({ self.captures.needsStore ? host.uploads : host.captures }, in: running) {
      self.captures.step()
    }
    let upload = StageRunner({ host.uploads }, in: running) {
      let pause = self.uploader.step()
      // The log may be copied now.
      if self.progress.withLock({ $0.isAllStored }) { capture.wake() }
      return pause
    }
    let demand = StageRunner({ host.captures }, in: running) {
      guard !self.isStopped else { return .ended }
      self.answerDemand()
      return .after(.infinity)
    }
    capturer.wakeup.call { capture.wake() }
    queue.arrivals.call { upload.wake() }
    health.whenDemanded {
      capture.wake(urgently: true)
      upload.wake(urgently: true)
    }
    let demands = host.watch?.add(PositionFile.path(of: database), .times) { _ in demand.wake() }
    progress.whenStopped { [capturer, logWatch, health, queue] in
      capturer.close()
      logWatch.cancel()
      if let demands { host.watch?.remove(demands) }
      for runner in [capture, upload, demand] { runner.wake(urgently: true) }
      capturer.wakeup.call(nil)
      queue.arrivals.call(nil)
      health.whenDemanded(nil)
    }
    capture.wake()
  }

  var isStopped: Bool { progress.isStopped }
  var hasStored: Bool { progress.withLock { $0.hasStored } || maintainer.lease.isHeld }
  /// Whether another process waited for its commits within the last second.
  var isGroupCommitAwaited: Bool { progress.isGroupCommitAwaited }

  /// Has the capture check at once whether the path still names the database.
  func checkFile() {
    fileCheck.expire()
    capturer.wakeup.raise()
  }

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
      answerDemand()
    }
  }

  private func answerDemand() {
    progress.withLock { $0.recordWanted = Clock.monotonicSeconds + 1 }
    do {
      while try capturer.capture(bytes: 64 << 20) == .budget {}
    } catch {
      capturer.wakeup.raise()
    }
    if progress.withLock({ $0.created == $0.captured }) { recorder.save() } else { queue.arrivals.raise() }
  }
}
