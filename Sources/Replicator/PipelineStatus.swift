import Files
import ObjectStore
import WALFormat

extension Pipeline {
  /// Returns the state of the mirror, without a request.
  ///
  /// May be called on any thread.
  func status() -> MirrorStatus {
    let end = capturer.endIfAvailable()
    let lastError = health.lastError
    return progress.withLock { state in
      var status = MirrorStatus()
      status.phase = state.phase
      status.generation = state.generation
      status.stored = state.stored
      status.captured = state.captured
      status.hasBase = state.hasBase
      status.requests = store.requests
      status.bytesSent = store.bytesSent
      status.lastError = (state.failure ?? lastError)?.message
      let lag = Int(state.captured - state.created)
      let stored = state.tip?.position
      let unread = end.map { $0.salt == stored?.salt ? $0.frame - (stored?.frame ?? 0) : $0.frame } ?? 0
      status.lagFrames =
        lag == 0 ? max(unread, 0) : max(state.framesCaptured - (stored?.frame ?? 0), lag, unread)
      status.lagBytes = status.lagFrames * state.pageSize
      status.baseBytes = state.baseBytes
      status.baseBytesSent = state.baseBytesSent
      if lag > 0 || !state.hasBase, let oldest = state.oldest {
        status.lagSeconds = max(Double(Clock.wallMicroseconds - oldest) / 1e6, 0)
      }
      return status
    }
  }
}
