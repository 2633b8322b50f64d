import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization

/// Begins sessions, and captures the log as it grows, step by step.
///
/// The capturing thread of a shell runs the steps in a loop; a host runs them on its threads. One
/// step runs at a time.
final class CaptureStage: Sendable {
  private enum Phase {
    /// A session begins; with a reason, in a new generation.
    case beginning(because: String?)
    /// The generation was given up; its captured entries are still being stored.
    case draining(because: String)
    case following
  }

  private struct State {
    var phase = Phase.beginning(because: nil)
    var failures = 0
    /// Whether the buffers were released since the log was last read.
    var isTrimmed = false
  }

  let store: RetryingStore
  let settings: MirrorSettings
  let capturer: Capturer
  let checkpointer: Checkpointer
  let queue: UploadQueue
  let uploader: SliceUploader
  let log: SessionLog
  let start: SessionStart
  let opener: GenerationOpener
  let maintainer: Maintainer
  let ledger: GenerationLedger
  let recorder: PositionRecorder
  let fileCheck: FileCheck
  /// Runs the steps, so that a quiet log needs no regular read; nil if a thread does.
  let host: PipelineHost?
  private let state = Mutex(State())

  init(
    _ store: RetryingStore, _ settings: MirrorSettings, _ capturer: Capturer, _ checkpointer: Checkpointer,
    _ queue: UploadQueue, _ uploader: SliceUploader, _ log: SessionLog, _ start: SessionStart,
    _ opener: GenerationOpener, _ maintainer: Maintainer, _ ledger: GenerationLedger,
    _ recorder: PositionRecorder, _ fileCheck: FileCheck, host: PipelineHost?
  ) {
    self.store = store
    self.settings = settings
    self.capturer = capturer
    self.checkpointer = checkpointer
    self.queue = queue
    self.uploader = uploader
    self.log = log
    self.start = start
    self.opener = opener
    self.maintainer = maintainer
    self.ledger = ledger
    self.recorder = recorder
    self.fileCheck = fileCheck
    self.host = host
  }

  private var progress: Progress { store.progress }
  private var health: Health { store.health }
  private var isStopped: Bool { progress.isStopped }

  /// Whether the next step makes requests.
  var needsStore: Bool {
    state.withLock { if case .beginning = $0.phase { true } else { false } }
  }

  /// Runs the steps until the mirror stops; the capturing thread calls it.
  func run() {
    while true {
      switch step() {
      case .ended: return
      case .backOff(let pause): health.pause(seconds: pause) { isStopped }
      case .after(let pause, let rest):
        if rest > 0 { capturer.wakeup.rest(seconds: rest) }
        if pause > 0 { capturer.wakeup.wait(seconds: pause) }
      }
    }
  }

  /// Makes one step: begins a session, or captures what the log holds.
  func step() -> StagePause {
    guard !isStopped else { return .ended }
    do {
      switch state.withLock({ $0.phase }) {
      case .beginning(let reason):
        try begin(newGenerationBecause: reason)
        move(to: .following)
        return .after(0)
      case .draining(let reason):
        guard hasDrained else {
          queue.arrivals.raise()
          return .after(0.05)
        }
        move(to: .beginning(because: reason))
        return .after(0)
      case .following: return try follow()
      }
    } catch let error as MirrorError where error.code == .hole {
      giveUpGeneration(error)
      move(to: .draining(because: error.message))
      return .after(0)
    } catch let error as MirrorError where error.code == .fenced {
      giveUpSession(error)
      move(to: .beginning(because: nil))
      return .after(0)
    } catch let error as ObjectStoreError where error.code == .sealed {
      // Nothing without encryption, or for another key, may follow a sealed object.
      return fail(MirrorError(.refused, error.description))
    } catch let error as ObjectStoreError {
      store.report(error)
      return backOff()
    } catch let error as SQLiteError
      where error.isBusy && capturer.withLock({ $0.capture == nil })
    {
      // Another process holds the database exclusively for a moment.
      return backOff()
    } catch let error as MirrorError {
      return fail(error)
    } catch let error as FormatError where !isStopped {
      return fail(
        MirrorError(
          .refused, "\(store.store.url) is damaged: \(error): use .mirror verify, or another prefix"))
    } catch {
      return fail(MirrorError(.database, "mirror \(capturer.database): \(error)"))
    }
  }

  private func move(to phase: Phase) {
    state.withLock {
      $0.phase = phase
      $0.failures = 0
    }
  }

  private func backOff() -> StagePause {
    let failures = state.withLock { state in
      state.failures += 1
      return state.failures
    }
    return .backOff(RetryPolicy.pause(after: failures, longest: RetryPolicy.longestForMirror))
  }

  private func fail(_ error: MirrorError) -> StagePause {
    let fence = progress.withLock { $0.fence }
    store.fail(fence.map { MirrorError(error.code, "\($0.message); \(error.message)") } ?? error)
    return .ended
  }

  // MARK: Beginning

  /// Begins a session.
  ///
  /// It continues the replica's generation, or opens a new one and starts the upload of its base.
  private func begin(newGenerationBecause reason: String?) throws {
    let slots = log.begin()
    guard let ready = try start.find(slots, newGenerationBecause: reason) else { return }
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

  // MARK: Following

  /// Captures the log, and lets checkpoints of others finish; returns the pause until the next
  /// look.
  private func follow() throws -> StagePause {
    try checkState()
    switch try capturer.capture(bytes: 4 << 20) {
    case .budget: return .after(0)
    case .full:
      queue.arrivals.raise()
      return .after(0.05)
    case .atEnd, .unannounced: break
    }
    // A session that writes makes its own checkpoints.
    let isSessionActive = capturer.pendingCommits.takeActivity()
    if !isSessionActive { try checkpointer.checkpointForOthers() }
    let pause = try checkpointer.giveWay(
      isSessionActive: isSessionActive, isGroupCommitAwaited: progress.isGroupCommitAwaited)
    // Commits of a slice that is not due yet can be captured together.
    let isResting =
      settings.durability == .async && settings.syncInterval > 0.1 && capturer.hasOpenSlice
    return .after(host == nil ? pause : rest(pause), rest: isResting ? Pacing.captureRest : 0)
  }

  /// Returns the pause of a log that the watch of a host reports.
  ///
  /// A commit may become visible after the write that was reported, if its process was stopped in
  /// between. Therefore a quiet log is read again, each time after twice as long.
  private func rest(_ pause: Double) -> Double {
    guard pause >= Checkpointer.longPause else {
      state.withLock { $0.isTrimmed = false }
      return pause
    }
    guard checkpointer.watch.isPossible else { return 1 }
    let quiet = Clock.monotonicSeconds - checkpointer.watch.lastChange
    if quiet > Self.quietSeconds, !state.withLock({ $0.isTrimmed }) {
      capturer.trim()
      host?.trimSoon()
      state.withLock { $0.isTrimmed = true }
    }
    return min(max(pause, quiet), Self.longestRest)
  }

  /// Seconds without a change after which buffers are released.
  private static let quietSeconds = 1.0
  /// Maximum seconds between two reads of a quiet log.
  private static let longestRest = 3600.0

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

  // MARK: Giving up

  /// Ends the generation because the chain of commits is broken.
  ///
  /// Commits captured before are still stored. The commits after them need a new base.
  private func giveUpGeneration(_ error: MirrorError) {
    capturer.giveUp(keepsCaptured: true)
    progress.withLock { $0.hasBase = false }
    health.notices.add("\(error.message); starting a new generation")
  }

  /// Whether the entries of a generation that was given up are stored.
  ///
  /// The seal must follow the last entry that was captured before.
  private var hasDrained: Bool {
    progress.withLock { $0.fence != nil } || queue.isEmpty && !uploader.isBusy
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
}

/// Checks every two seconds that the path still names the same database file.
final class FileCheck: Sendable {
  private let path: String
  private let inode: Mutex<UInt64?>
  private let last = Mutex(0.0)

  init(_ path: String) throws {
    self.path = path
    inode = Mutex(try FileInfo.of(path)?.inode)
  }

  /// Has the next call of `check` look at the file, however short ago the last look was.
  func expire() { last.withLock { $0 = 0 } }

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
