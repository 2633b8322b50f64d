import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

extension Engine {
  /// Checkpoints on the session's own connection, between its statements, once all of the log is captured.
  ///
  /// Returns whether the log may now start from its beginning. Does nothing while another thread has the log or
  /// somebody reads a snapshot.
  ///
  /// SQLite up to 3.51.2 may lose commits when a second connection checkpoints beside a writer
  /// (https://www.sqlite.org/wal.html#walresetbug): hence only here.
  func checkpoint(_ connection: Connection) throws -> Bool {
    let done: Bool? = try capture.withLockIfAvailable { site in
      guard let capture = site.capture, capture.pins == 0 else { return false }
      while try capture.advance(bytes: 16 << 20) { if capture.encoder.isFull { return false } }
      note(capture)
      // The guard moves to the end of the log, so that all of it may be copied.
      guard try capture.renewGuard() else { return false }
      let result = try connection.checkpoint(.passive)
      guard result.framesInLog == result.framesCheckpointed,
        result.framesInLog == capture.framesTaken || result.framesInLog <= 0
      else { return false }
      // Now it moves to where the log may be restarted, but nothing new be copied.
      guard try capture.renewGuard() else { return false }
      let stamp = try fileStamp()
      let isAtRest = state.withLock {
        $0.fileStamp = stamp
        return $0.uploaded == capture.encoder.transaction && $0.uploadedState == capture.encoder.state
      }
      if isAtRest { saveRecord(isAtRest: true) }
      return true
    }
    uploadSignal.raise()
    return done ?? false
  }

  func status() -> MirrorStatus {
    state.withLock { state in
      var status = MirrorStatus()
      status.phase = state.phase
      status.generation = state.generation
      status.mirrored = state.mirrored
      status.captured = state.captured
      status.hasBase = state.hasBase
      status.requests = store.requests
      status.bytesSent = store.bytesSent
      status.lastError = state.lastError?.message
      let lag = Int(state.captured - state.uploaded)
      status.lagFrames = lag == 0 ? 0 : max(state.framesCaptured - (state.uploadedPosition?.frame ?? 0), lag)
      status.lagBytes = status.lagFrames * state.pageSize
      if lag > 0 || !state.hasBase, let oldest = state.oldest {
        status.lagSeconds = max(Double(Clock.wallMicroseconds - oldest) / 1e6, 0)
      }
      return status
    }
  }
}
