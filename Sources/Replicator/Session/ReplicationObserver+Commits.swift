import Bytes
import Files
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

extension ReplicationObserver {
  /// Announces a commit for which SQLite does not call the hook.
  ///
  /// Such a statement failed after it had changed rows (`OR FAIL`), or was reset before its end
  /// (`RETURNING`). If the log holds other commits beside it, they cannot be distinguished, and all
  /// become barriers.
  func announceUnnoticed(_ pipeline: Pipeline) {
    let captured = try? pipeline.capturer.withLock { try $0.capture?.unannouncedCommits() }
    let frames = captured ?? (try? commitsSinceLastAnnounced(pipeline))
    // A query that writes, such as `SELECT optimize(…)`, may have committed before this statement.
    let own = frames?.filter { !withoutStatement.contains($0) } ?? []
    if own.count == 1, let frame = own.first { announce(pipeline, frames: frame) }
  }

  /// Returns the ends of commits after the last announced one, if the capturer has not passed them.
  private func commitsSinceLastAnnounced(_ pipeline: Pipeline) throws -> [Int] {
    guard let tail = try LogTail(File(pipeline.database + "-wal", .read), of: nil) else { return [] }
    let start = pipeline.from?.salt == tail.header.salt ? pipeline.from?.frame ?? 0 : 0
    return try tail.scan(bytes: .max, limit: nil, all: true).commits.map(\.end.frame)
      .filter { $0 > max(start, lastAnnounced) }
  }

  /// Waits in `sync` until the store has the commit; only then has the statement succeeded.
  func waitForCommit(_ pipeline: Pipeline) {
    do {
      try pipeline.flush.run(seconds: settings.flushTimeout, all: false, isInterrupted: isInterrupted)
    } catch {
      failures.append("committed locally, not mirrored: \(error)")
    }
  }

  // MARK: Checkpoints

  /// Copies the log into the database file, between statements, with everything stored.
  ///
  /// The log can then start from its beginning again.
  func checkpointIfDue(_ pipeline: Pipeline, _ connection: Connection) {
    guard lastAnnounced >= settings.checkpointFrames, lastAnnounced != lastCheckpoint else { return }
    let isAllUploaded = pipeline.progress.withLock {
      $0.phase == .running && $0.isAllStored && $0.framesCaptured == lastAnnounced
    }
    guard isAllUploaded else { return }
    checkpoint(pipeline, connection)
  }

  /// Warns once that the log is longer than the set limit, until it is short again.
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

  /// Copies a long log although some of it is not stored yet, because captured commits are in
  /// memory.
  ///
  /// A crash before they are stored costs a new base at the next start, and loses nothing.
  /// Therefore the log may grow with the database.
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
        // The thread that holds the log releases it soon.
        lastCheckpoint -= settings.checkpointFrames - settings.checkpointFrames / 16
      }
    } catch {
      pipeline.capturer.wakeup.raise()
    }
  }
}
