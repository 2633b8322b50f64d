import Files
package import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization

/// Mirrors a database that other processes write, on the threads of a host.
///
/// A service has one for each database. No connection of a session takes part: every commit is one
/// of another process, so the statement log holds barriers, and the log of pages holds everything.
///
/// ```
/// let mirror = DatabaseMirror(path, store: store, settings: settings, host: host) { text, kind in print(text) }
/// if case .begun = try mirror.start() { … }
/// mirror.beginFlush()
/// try mirror.end(by: Clock.monotonicSeconds + 30)
/// ```
package final class DatabaseMirror: Sendable {
  /// The result of a start.
  package enum Start: Sendable {
    case begun
    /// The database has no content yet.
    case empty
    /// Another process mirrors it.
    case held(by: String)
  }

  package let path: String
  package let store: any ObjectStore
  private let settings: MirrorSettings
  private let host: PipelineHost
  private let notices: NoticeQueue
  private let whenReady: @Sendable () -> Void
  private let whenEnded: @Sendable () -> Void
  private let current = Mutex<Pipeline?>(nil)

  /// Makes the mirror of a database; `start` begins it.
  ///
  /// `notice` gets each sentence about the mirror. `ready` is called when a restore becomes
  /// possible, and `ended` when the mirror ends for any reason; all on any thread.
  package init(
    _ path: String, store: any ObjectStore, settings: MirrorSettings, host: PipelineHost,
    ready: @escaping @Sendable () -> Void = {}, ended: @escaping @Sendable () -> Void = {},
    notice: @escaping @Sendable (String, NoticeKind) -> Void
  ) {
    self.path = path
    self.store = store
    self.settings = settings
    self.host = host
    whenReady = ready
    whenEnded = ended
    notices = NoticeQueue(receiver: notice)
    LargeBlocks.returnToSystem()
  }

  private var pipeline: Pipeline? { current.withLock { $0 } }

  /// Begins to mirror, unless the database is empty or another process mirrors it.
  ///
  /// Throws `.unsuitable` if the file is no database. Throws other errors if another attempt may
  /// help, as when another process holds it exclusively, or it may not be opened.
  package func start() throws -> Start {
    let connection: Connection
    do throws(SQLiteError) {
      connection = try Connection(path, [.readWrite])
      connection.setBusyTimeout(milliseconds: 200)
      // A log that is not mirrored yet must not be copied by us.
      connection.disableCheckpointOnClose()
      guard try connection.value("PRAGMA main.page_count") != .integer(0) else { return .empty }
    } catch {
      guard error.code == .notADatabase || error.code == .corrupt else { throw error }
      throw MirrorError(.unsuitable, error.message)
    }
    defer { connection.close() }
    guard connection.isReadOnly() == false else {
      throw MirrorError(.database, "the file may only be read, and the mirror needs locks on its log")
    }
    let claim = try PositionFile.claim(path)
    guard claim.isTaken else {
      let holder = (try? claim.file.info()).flatMap { ProcessIdentity.holder(ofLockOn: $0) }
      return .held(by: holder.map { "process \($0)" } ?? "another process")
    }
    var isKept = false
    defer { if !isKept { claim.file.unlock() } }
    let before = try connection.value("PRAGMA main.journal_mode")
    if before != .text("wal") {
      guard try connection.value("PRAGMA main.journal_mode=WAL") == .text("wal") else {
        throw MirrorError(.unsuitable, "the journal mode cannot be changed to WAL")
      }
      if case .text(let mode) = before { notices.add("journal mode changed from \(mode) to wal", .news) }
    }
    // A read begins the log, which the guard then keeps.
    _ = try connection.value("PRAGMA main.schema_version")
    let pipeline = try Pipeline(
      path, claim: claim.file, store: store, settings: settings, wasEmpty: false, notices: notices, host: host
    )
    isKept = true
    pipeline.progress.whenReady(whenReady)
    pipeline.progress.whenStopped(whenEnded)
    current.withLock { $0 = pipeline }
    pipeline.start()
    return .begun
  }

  /// The current state, without a request.
  package var status: MirrorStatus {
    var status = pipeline?.status() ?? MirrorStatus()
    status.url = store.url
    status.durability = settings.durability
    status.keyID = store.encryption?.keyID
    return status
  }

  /// The reason for which the mirror has ended by itself; nil if it has not.
  package var failure: MirrorError? { pipeline?.progress.withLock { $0.failure } }

  /// Has the mirror end if the path no longer names the database.
  package func checkFile() { pipeline?.checkFile() }

  // MARK: Orders

  /// Stores a new base now, and waits for it.
  package func snapshot() throws {
    let pipeline = try running()
    try pipeline.flush.run(seconds: settings.flushTimeout, all: true)
    let maintainer = pipeline.maintainer
    try pipeline.bases.makeBase(deadline: 3600, isInterrupted: nil) { maintainer.startIfDue() }
  }

  /// Deletes objects that no restore within the last `seconds` needs, and returns the plan.
  package func prune(keeping seconds: Double, dryRun: Bool) throws -> Retention {
    let pipeline = try running()
    try pipeline.flush.run(seconds: settings.flushTimeout, all: true)
    return try pipeline.maintainer.prune(
      keeping: seconds, dryRun: dryRun, patience: settings.flushTimeout
    ) { !pipeline.isStopped }
  }

  private func running() throws -> Pipeline {
    guard let pipeline, !pipeline.isStopped else {
      throw MirrorError(.notMirrored, "\(path) is not mirrored at the moment")
    }
    return pipeline
  }

  // MARK: The end

  /// Has everything committed be stored as soon as possible; `end` waits for it.
  package func beginFlush() { pipeline?.flush.begin() }

  /// Ends the mirror when everything is stored.
  ///
  /// Throws an error at `deadline` (monotonic seconds), or if the store refuses permanently; the
  /// mirror has ended then too. Its error names the number of transactions that are not stored.
  package func end(by deadline: Double, isInterrupted: (() -> Bool)? = nil) throws {
    guard let pipeline else { return }
    var failure: (any Error)?
    do {
      try pipeline.flush.run(
        seconds: max(deadline - Clock.monotonicSeconds, 0), all: true, isInterrupted: isInterrupted)
      pipeline.maintainer.end(seconds: min(max(deadline - Clock.monotonicSeconds, 0), 2))
      pipeline.recorder.save()
    } catch {
      failure = error
    }
    let status = pipeline.status()
    pipeline.stop()
    current.withLock { $0 = nil }
    if failure == nil, pipeline.hasStored {
      // Stored commits stay stored, even if the lease cannot be released.
      RequestDeadline.enforce(max(deadline, Clock.monotonicSeconds + 1)) {
        pipeline.maintainer.releaseLease()
      }
    }
    guard let failure else { return }
    let left = status.captured - min(status.stored, status.captured)
    throw MirrorError(
      .notMirrored, left > 0 ? "\(left) transactions are not stored: \(failure)" : "\(failure)")
  }

  /// Ends the mirror at once; commits that are not stored stay in the log.
  package func drop() {
    pipeline?.stop()
    current.withLock { $0 = nil }
  }
}
