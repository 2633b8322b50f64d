package import ReplicaFormat

/// The state of a mirror at one moment.
package struct MirrorStatus: Sendable {
  package enum Phase: String, Sendable {
    /// It waits for the database to be opened, or to have content.
    case waiting
    /// It finds out whether the database continues the replica.
    case starting
    case running
    /// Another process mirrors the database.
    case standby
    /// It has stopped for the reason in `lastError`.
    case failed
    case off
  }

  package var phase = Phase.off
  package var url = ""
  package var durability = Durability.async
  package var generation: GenerationID?
  /// The last transaction in the store, with every one before it.
  package var stored: UInt64 = 0
  /// The last transaction read from the log.
  package var captured: UInt64 = 0
  /// Whether the generation's base is stored; nothing can be restored before.
  package var hasBase = false
  /// Frames and bytes of log that are not stored yet, and the age of their oldest commit in
  /// seconds.
  package var lagFrames = 0
  package var lagBytes = 0
  package var lagSeconds = 0.0
  /// Bytes of pages in the pending base, and the stored part of them; 0 if there is none.
  package var baseBytes = 0
  package var baseBytesSent = 0
  package var requests = 0
  package var bytesSent = 0
  package var lastError: String?
  /// The key that encrypts objects, 16 hexadecimal digits; nil if they are not encrypted.
  package var keyID: String?

  package init() {}
}
