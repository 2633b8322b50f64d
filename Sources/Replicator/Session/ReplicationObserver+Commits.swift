import Bytes
import Files
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

extension ReplicationObserver {
  /// Announces a commit that SQLite does not call the hook for: of a statement that failed after it had changed
  /// rows (`OR FAIL`), or was reset before its end (`RETURNING`).
  ///
  /// Where other commits stand beside it in the log nobody can tell which it is, and all become barriers.
  func announceUnnoticed(_ pipeline: Pipeline) {
    let captured = try? pipeline.capturer.withLock { try $0.capture?.unannouncedCommits() }
    let frames = captured ?? (try? commitsSinceLastAnnounced(pipeline))
    if let frames, frames.count == 1, let frame = frames.first { announce(pipeline, frames: frame) }
  }

  /// Ends of the commits after the last announced one, while the pipeline has not begun to read the recorder.
  private func commitsSinceLastAnnounced(_ pipeline: Pipeline) throws -> [Int] {
    guard let tail = try LogTail(File(pipeline.database + "-wal", .read), of: nil) else { return [] }
    let start = pipeline.from?.salt == tail.header.salt ? pipeline.from?.frame ?? 0 : 0
    return try tail.scan(bytes: .max, limit: nil, all: true).commits.map(\.end.frame)
      .filter { $0 > max(start, lastAnnounced) }
  }

  /// In `sync` a statement has only succeeded once the store has it.
  func waitForCommit(_ pipeline: Pipeline) {
    do {
      try pipeline.flush.run(seconds: settings.flushTimeout, all: false, isInterrupted: isInterrupted)
    } catch {
      failures.append("committed locally, not mirrored: \(error)")
    }
  }

  // MARK: Checkpoints

  /// Between statements, with everything in the store: copies the log into the database file so that it can start
  /// from its beginning again.
  func checkpointIfDue(_ pipeline: Pipeline, _ connection: Connection) {
    guard lastAnnounced >= settings.checkpointFrames, lastAnnounced != lastCheckpoint else { return }
    let isAllUploaded = pipeline.progress.withLock {
      $0.phase == .running && $0.isAllStored && $0.framesCaptured == lastAnnounced
    }
    guard isAllUploaded else { return }
    checkpoint(pipeline, connection)
  }

  /// Tells once, until the log is short again, that it has grown past what was set.
  func warnOfLongLog(_ pipeline: Pipeline) {
    let bytes = lastAnnounced * pipeline.progress.withLock { $0.pageSize }
    guard bytes > settings.logWarning else {
      hasWarnedOfLog = false
      return
    }
    guard !hasWarnedOfLog else { return }
    hasWarnedOfLog = true
    notices.add(
      "mirror: the log of \(pipeline.database) has grown to \(bytes >> 20) MB: the store does not keep up\(pipeline.health.lastErrorText)"
    )
  }

  /// The log has grown far although some of it is still on its way: what is captured is safe in memory.
  ///
  /// A crash before it is uploaded costs a new base at the next start, and loses nothing; so the log may grow with
  /// the database.
  func checkpointUnderLoad(_ pipeline: Pipeline, _ connection: Connection) {
    guard lastAnnounced >= lastCheckpoint + settings.checkpointFrames || lastAnnounced < lastCheckpoint else {
      return
    }
    let mayStart = pipeline.progress.withLock {
      $0.phase == .running && $0.hasBase && lastAnnounced - $0.framesCaptured < 2 * settings.checkpointFrames
        && lastAnnounced * $0.pageSize > min(max($0.databaseBytes / 4, 8 << 20), settings.logLimit)
    }
    guard mayStart else { return }
    checkpoint(pipeline, connection)
  }

  private func checkpoint(_ pipeline: Pipeline, _ connection: Connection) {
    lastCheckpoint = lastAnnounced
    isInternal = true
    defer { isInternal = false }
    do {
      if try pipeline.checkpointer.checkpoint(connection) == nil {
        // Who has the log lets go of it soon.
        lastCheckpoint -= settings.checkpointFrames - settings.checkpointFrames / 16
      }
    } catch {
      pipeline.capturer.wakeup.raise()
    }
  }
}
