/// Decides when entries and batches are sent: facts in, decision out.
///
/// Every timing constant of the mirror's uploads is here.
enum Pacing {
  enum Decision: Equatable {
    case send
    /// Wait for this number of seconds or for a change; infinite if only a change matters.
    case wait(Double)
  }

  // MARK: Slices

  /// The facts for the decision to close and send the open slice.
  ///
  /// Times are monotonic seconds.
  struct SliceFacts {
    var now: Double
    /// The start of the last slice.
    var lastStart: Double
    /// `S3_SYNC_INTERVAL`.
    var interval: Double
    /// Whether a thread or process waits for commits: `sync`, a flush, or a standby.
    var isUrgent: Bool
  }

  /// Decides whether the open slice is due.
  ///
  /// It is due at once after quiet, then once an interval; at any time if a thread waits.
  static func slice(_ facts: SliceFacts) -> Decision {
    let left = facts.isUrgent ? 0 : facts.lastStart + facts.interval - facts.now
    return left <= 0 ? .send : .wait(left)
  }

  /// Seconds between two position records, unless another process waits for one.
  static let recordInterval = 1.0

  /// Decides whether the position record is due.
  static func record(now: Double, lastRecord: Double) -> Decision {
    let left = lastRecord + recordInterval - now
    return left <= 0 ? .send : .wait(left)
  }

  // MARK: Group commit

  /// Returns seconds to wait for the next commits of processes that last committed together.
  ///
  /// The wait is less than half of an upload, so it costs less than a separate slice for each
  /// process.
  static func groupCommitWait(lastPutSeconds: Double) -> Double { min(lastPutSeconds * 0.4, 0.005) }

  /// Maximum seconds between two commits of a series, which the session's own thread uploads.
  ///
  /// A request under way ends a second or two after an interrupt. Therefore a later commit, as of a
  /// person, leaves the upload to the uploading thread.
  static let series = 0.05

  /// Seconds between two reads of the log while an open slice is not due.
  ///
  /// All commits meanwhile then cost one read.
  static let captureRest = 0.005

  // MARK: Batches

  /// The facts for the decision to send statement batches.
  struct BatchFacts {
    /// The start of the last upload of batches.
    var lastStart: Double
    /// Bytes of the batches that wait.
    var bytes: Int
    /// `S3_SYNC_INTERVAL`, and the interval of batches, which is longer.
    var sliceInterval: Double
    var batchInterval: Double
    /// Whether a thread waits for statements too.
    var isAwaited: Bool
  }

  /// Maximum bytes of joined batches.
  static let joinedBytes = 256 << 10

  /// Returns the time when batches are due, in monotonic seconds.
  ///
  /// They are due at once if a thread waits. Batches that fill an object are due as often as
  /// slices.
  static func batchesDue(_ facts: BatchFacts) -> Double {
    guard !facts.isAwaited else { return -.infinity }
    let isMuch = facts.bytes >= joinedBytes
    return facts.lastStart + (isMuch ? min(facts.sliceInterval, facts.batchInterval) : facts.batchInterval)
  }

  // MARK: Bases

  /// The pause between two bases, as a multiple of the time that the last one took.
  ///
  /// Otherwise, if the log grew without a pause, bases would be most of the mirror's work.
  static let restBetweenBases = 3.0

  /// Returns whether the log since the base is larger than both `least` bytes and the database.
  static func isBaseDue(logBytes: Int, databaseBytes: Int, least: Int, now: Double, notBefore: Double) -> Bool
  {
    now >= notBefore && logBytes > least && logBytes > databaseBytes
  }
}
