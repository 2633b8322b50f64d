package import ReplicaFormat

/// How a mirror stands at one moment.
package struct MirrorStatus: Sendable {
  package enum Phase: String, Sendable {
    /// For the database to be opened, or to have content.
    case waiting
    /// Finding out whether the database continues the replica.
    case starting
    case running
    /// Another process mirrors the database.
    case standby
    /// Stopped for a reason that is in `lastError`.
    case failed
    case off
  }

  package var phase = Phase.off
  package var url = ""
  package var durability = Durability.async
  package var generation: GenerationID?
  /// Last transaction in the store, with every one before it.
  package var stored: UInt64 = 0
  /// Last transaction read from the log.
  package var captured: UInt64 = 0
  /// Whether the generation's base is in the store; nothing can be restored before.
  package var hasBase = false
  /// Frames and bytes of log that are not in the store yet, and the age of the oldest commit among them in seconds.
  package var lagFrames = 0
  package var lagBytes = 0
  package var lagSeconds = 0.0
  /// Bytes of pages in the base that is being uploaded, and those of them that are in the store; 0 where there is none.
  package var baseBytes = 0
  package var baseBytesSent = 0
  package var requests = 0
  package var bytesSent = 0
  package var lastError: String?
  /// The key that what is uploaded is encrypted with, 16 hexadecimal digits; nil where nothing is.
  package var keyID: String?

  package init() {}
}
