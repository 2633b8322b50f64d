import Bytes
import Files
package import ObjectStore
import ReplicaFormat
internal import SQLite
import Synchronization

/// Mirrors the main database of a connection to a store, on the thread that uses the connection.
///
/// - `ReplicationObserver` gets the connection's events: statements and commits.
/// - `StatementRecorder` collects the statements of the open transaction.
/// - `PendingCommits` passes commits with their statements to the `Capturer`.
/// - `Pipeline` stores them on threads of its own.
/// - `Standby` takes the pipeline's place if another process mirrors the database.
///
/// The mirror starts when the database has content. For a new database that is just before the
/// first statement that writes, so that `PRAGMA page_size` and the like still work.
///
/// ```
/// let observer = ReplicationObserver(store: store, settings: MirrorSettings())
/// try observer.attach(to: connection)
/// try connection.execute("INSERT INTO t VALUES(1)")
/// try observer.flush(seconds: 30)
/// try observer.stop()
/// ```
package final class ReplicationObserver: ConnectionObserver {
  /// The process that mirrors the database.
  enum Phase {
    /// None: the observer is not attached.
    case off
    /// None yet: the database is empty.
    case waiting
    /// This process.
    case running(Pipeline)
    /// Another process.
    case standby(Standby)
    /// None at the moment, for a reason.
    case suspended(String)
  }

  package let store: any ObjectStore
  /// Called during waits for the store; true ends the wait.
  package var isInterrupted: (() -> Bool)?
  package private(set) var settings: MirrorSettings
  var watched = WatchedConnection()
  var connection: Connection? { watched.connection }
  var phase = Phase.off
  /// Whether the database was mirrored since the observer was attached.
  var hasBegun = false
  /// Frames in the log after the last commit during the standby.
  var standbyFrames = 0
  var standbySettled = 0
  /// Whether a commit happened during the suspension.
  var hasChangedSuspended = false
  let recorder = StatementRecorder()
  /// Whether the connection has run no statement before they were recorded.
  var isConnectionNew = true
  /// Notices for the next prompt, from all threads of the mirror.
  let notices = NoticeQueue()
  /// The connection's version of its settings when they were read.
  var settingsVersion = 0
  /// Statements under way that may commit.
  var writing = 0
  /// Made at its first use.
  var turn: WriterQueue?
  /// The waits of the thread that the pipeline knows as the writer.
  var lockWaits: LockWaits?
  /// Whether the running statements are the mirror's own.
  var isInternal = false { didSet { watched.connection?.isQuiet = isInternal } }
  /// The statement whose end the commit hook has already handled.
  var committed: ObjectIdentifier?
  var current: Running?
  /// Whether the next plain statement may be noted without checks, and whether such a statement
  /// runs.
  var takesPlainStatements = false
  var isRunningPlainly = false
  /// Outer statements of the current one.
  var outer: [Running] = []

  /// Frames in the log after the last announced commit, after the last handled one, and at the last
  /// attempt to checkpoint.
  var lastAnnounced = 0
  /// The frames at which commits ended that no statement explains, since the last announcement.
  var withoutStatement: Set<Int> = []
  var lastSettled = 0
  var lastCheckpoint = 0
  var hasWarnedOfLog = false
  /// Errors of statements whose commits were not stored in time.
  var failures: [String] = []

  package init(store: any ObjectStore, settings: MirrorSettings) {
    self.store = store
    self.settings = settings
    LargeBlocks.returnToSystem()
  }

  var pipeline: Pipeline? { if case .running(let pipeline) = phase { pipeline } else { nil } }
  var standby: Standby? { if case .standby(let standby) = phase { standby } else { nil } }
  var suspension: String? { if case .suspended(let reason) = phase { reason } else { nil } }
  var isWaitingForContent: Bool { if case .waiting = phase { true } else { false } }

  deinit { watched.connection?.observer = nil }

  // MARK: Starting and stopping

  /// Begins to mirror, or stands by.
  ///
  /// Throws `SQLiteError` if another process holds the database exclusively, and `MirrorError` for
  /// other failures.
  func start(wasEmpty: Bool, claim: File? = nil) throws {
    guard let connection, let path = connection.fileName() else { return }
    isInternal = true
    defer { isInternal = false }
    phase = .off
    do {
      var claim = claim
      if claim == nil {
        let claimed = try PositionFile.claim(path)
        guard claimed.isTaken else { return standBy(path, claim: claimed.file) }
        claim = claimed.file
      }
      guard let claim else { return }
      guard try connection.value("PRAGMA main.locking_mode") != .text("exclusive") else {
        throw MirrorError(
          .unsuitable,
          "\(path) is not mirrored while its locking mode is exclusive: nobody else can read its log")
      }
      let before = try connection.value("PRAGMA main.journal_mode")
      if before != .text("wal") {
        guard try connection.value("PRAGMA main.journal_mode=WAL") == .text("wal") else {
          throw MirrorError(.unsuitable, "the journal mode of \(path) cannot be changed to WAL")
        }
        if !wasEmpty, case .text(let mode) = before {
          notices.add("journal mode of \(path) changed from \(mode) to wal")
        }
      }
      // A read begins the log, which the guard then keeps.
      _ = try connection.value("PRAGMA main.schema_version")
      let pipeline = try Pipeline(
        path, claim: claim, store: store, settings: settings, wasEmpty: wasEmpty, notices: notices)
      adopt(pipeline, connection)
      pipeline.start()
    } catch let error as SQLiteError where !error.isBusy {
      throw MirrorError(.database, "mirror \(path): \(error.message)")
    } catch let error as FilesError {
      throw MirrorError(.database, "mirror \(path): \(error)")
    }
  }

  /// Passes the session's events to a pipeline from now on.
  func adopt(_ pipeline: Pipeline, _ connection: Connection) {
    phase = .running(pipeline)
    lockWaits = nil
    hasBegun = true
    do {
      try recorder.install(on: connection)
      recorder.longestStatement = settings.longestStatement
      if !isConnectionNew { recorder.beginLate(connection) }
      isConnectionNew = false
      if !connection.hasWatchedClock {
        connection.makePeculiar("the clock of the database's VFS is not watched")
      }
    } catch {
      recorder.refuse("what statements ask of time and chance could not be recorded: \(error.message)")
    }
    noteSettings(connection)
    noteOtherSchemas(connection)
    armHook()
  }

  /// Stops mirroring when everything is stored.
  ///
  /// Throws an error if some commits are not, but it stops in this case too. Must be called on the
  /// thread that uses the connection.
  package func stop() throws {
    if let suspension {
      let hasChanged = hasChangedSuspended
      detach(isFlushed: false)
      if hasChanged { throw MirrorError(.notMirrored, suspension) }
      return
    }
    do {
      let deadline = Clock.monotonicSeconds + settings.flushTimeout
      try flush(seconds: settings.flushTimeout)
      pipeline?.maintainer.end(seconds: min(deadline - Clock.monotonicSeconds, 5))
      // Stored commits stay stored, even if the lease cannot be released.
      RequestDeadline.enforce(max(deadline, Clock.monotonicSeconds + 1)) { detach(isFlushed: true) }
    } catch {
      let status = status()
      detach(isFlushed: false)
      guard status.captured > status.stored else { throw error }
      throw MirrorError(
        .notMirrored, "\(status.captured - status.stored) transactions are not mirrored: \(error)")
    }
  }

  /// Releases the database.
  ///
  /// If some commits are not stored, the log stays for the next start.
  func detach(isFlushed: Bool) {
    endStandby()
    turn = nil
    release(isFlushed: isFlushed)
    phase = .off
    if let connection {
      connection.setAutomaticCheckpoint(frames: 1000)
      connection.observer = nil
    }
    watched.connection = nil
  }

  /// Ends the pipeline, but still observes the connection.
  func release(isFlushed: Bool) {
    guard let pipeline else { return }
    phase = .off
    // Statements under way need no end any more.
    current = nil
    outer = []
    takesPlainStatements = false
    committed = nil
    writing = 0
    if let connection {
      if isFlushed { settle(pipeline, connection) } else { connection.disableCheckpointOnClose() }
      connection.setAutomaticCheckpoint(frames: 1000)
    }
    pipeline.stop()
    if isFlushed, pipeline.hasStored { pipeline.maintainer.releaseLease() }
  }

  /// Copies the log into the database file, and records that the file equals the replica.
  private func settle(_ pipeline: Pipeline, _ connection: Connection) {
    isInternal = true
    defer { isInternal = false }
    _ = try? pipeline.checkpointer.checkpoint(connection)
    // The record names the last entry even if the log cannot be copied now.
    pipeline.recorder.save()
  }

  // MARK: Waiting

  /// Waits until every commit is stored.
  ///
  /// Throws `.timeout` after `seconds`, or if interrupted. Must be called on the thread that uses
  /// the connection.
  package func flush(seconds: Double) throws {
    takeOverIfPossible()
    if let pipeline {
      return try pipeline.flush.run(seconds: seconds, all: true, isInterrupted: isInterrupted)
    }
    if let standby { try waitForHolder(standby, seconds: seconds) }
  }

  /// Returns the number of the last transaction in SQLite's log.
  ///
  /// Returns nil if it is not stored yet, or if another process mirrors and its record does not
  /// show it.
  package func lastTransaction() -> UInt64? {
    if let pipeline { return pipeline.status().captured }
    guard let standby, let connection, let end = try? LogEnd.of(DatabaseFile(connection)) else { return nil }
    return standby.transaction(at: end)
  }

  /// Stores a new base now, and waits for it.
  package func snapshot() throws {
    guard let pipeline else {
      throw MirrorError(.notMirrored, "nothing is mirrored yet: the database is empty")
    }
    try flush(seconds: settings.flushTimeout)
    let maintainer = pipeline.maintainer
    try pipeline.bases.makeBase(deadline: 24 * 3600, isInterrupted: isInterrupted) { maintainer.startIfDue() }
  }

  /// The process that mirrors the database for this one; nil if this one does, or it is not known.
  package var holder: Int? { standby?.holder }

  /// Whether a database is mirrored, or will be when it has content.
  package var isOn: Bool {
    switch phase {
    case .off, .suspended: false
    case .waiting, .standby: true
    case .running(let pipeline): !pipeline.isStopped
    }
  }

  /// Whether there may be notices or failures; read after every line.
  package var mayHaveNews: Bool { !notices.isEmpty || !failures.isEmpty }

  /// Returns the notices for the next prompt, each once.
  package func takeNotices() -> [String] {
    guard !notices.isEmpty else { return [] }
    takeOverIfPossible()
    return notices.take()
  }

  /// Returns errors of commits that succeeded locally and were not stored in time, each once.
  package func takeFailures() -> [String] {
    guard !failures.isEmpty else { return [] }
    defer { failures.removeAll() }
    return failures
  }

  package func status() -> MirrorStatus {
    takeOverIfPossible()
    var status = pipeline?.status() ?? MirrorStatus()
    status.url = store.url
    status.durability = settings.durability
    status.keyID = store.encryption?.keyID
    switch phase {
    case .off, .running: break
    case .waiting: status.phase = .waiting
    case .suspended(let reason): (status.phase, status.lastError) = (.off, reason)
    case .standby(let standby):
      // What the process that mirrors has stored, as its record shows.
      let seen = standby.view.status(connection)
      if seen.url == store.url { status = seen }
      (status.phase, status.lastError) = (.standby, "\(standby.holderText) mirrors it")
    }
    return status
  }
}
