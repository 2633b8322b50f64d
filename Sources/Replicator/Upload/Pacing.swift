/// When entries and batches are sent: facts in, decision out.
///
/// Every timing constant of the mirror's uploads is here.
enum Pacing {
  enum Decision: Equatable {
    case send
    /// Look again after so many seconds, or when something changes; infinite if only a change matters.
    case wait(Double)
  }

  // MARK: Slices

  /// What decides whether the open slice is closed and sent.
  ///
  /// Times are monotonic seconds.
  struct SliceFacts {
    var now: Double
    /// When the last slice was begun.
    var lastStart: Double
    /// `S3_SYNC_INTERVAL`.
    var interval: Double
    /// Whether somebody waits for commits: `sync`, a flush, or another process.
    var isUrgent: Bool
  }

  /// Decides whether the open slice is due: at once after quiet, then once an interval; at any time if somebody waits.
  static func slice(_ facts: SliceFacts) -> Decision {
    let left = facts.isUrgent ? 0 : facts.lastStart + facts.interval - facts.now
    return left <= 0 ? .send : .wait(left)
  }

  /// Seconds between two position records, unless another process waits for one.
  static let recordInterval = 1.0

  /// Seconds after which the position record is due.
  static func record(now: Double, lastRecord: Double) -> Decision {
    let left = lastRecord + recordInterval - now
    return left <= 0 ? .send : .wait(left)
  }

  // MARK: Group commit

  /// Returns how long the next slice waits for the other processes whose commits went together the last time.
  ///
  /// Less than half as long as an upload takes, so that the wait costs less than a slice of its own for each of them.
  static func groupCommitWait(lastPutSeconds: Double) -> Double { min(lastPutSeconds * 0.4, 0.005) }

  /// Seconds between two commits of a series, which the session's own thread uploads.
  ///
  /// A request under way ends a second or two after an interrupt, so a commit after a while, as of a person, is waited for.
  static let series = 0.05

  /// Seconds that the capturer rests between two looks while a slice is open that is not due: the commits meanwhile cost one look.
  static let captureRest = 0.005

  // MARK: Batches

  /// What decides whether statement batches are sent.
  struct BatchFacts {
    /// When the last upload of batches began.
    var lastStart: Double
    /// Bytes of the batches that wait.
    var bytes: Int
    /// `S3_SYNC_INTERVAL`, and the interval of batches, which is longer.
    var sliceInterval: Double
    var batchInterval: Double
    /// Whether somebody waits for statements too.
    var isAwaited: Bool
  }

  /// Batches that wait are joined up to so many bytes.
  static let joinedBytes = 256 << 10

  /// Returns when batches are due, in monotonic seconds: at once if somebody waits, what fills an object as often as slices.
  static func batchesDue(_ facts: BatchFacts) -> Double {
    guard !facts.isAwaited else { return -.infinity }
    let isMuch = facts.bytes >= joinedBytes
    return facts.lastStart + (isMuch ? min(facts.sliceInterval, facts.batchInterval) : facts.batchInterval)
  }

  // MARK: Bases

  /// For how many times as long as the last base took no other is begun.
  ///
  /// A log that grows without a pause wants one base after the other, which would be most of the mirror's work.
  static let restBetweenBases = 3.0

  /// Returns whether the log since the base has outgrown both `least` bytes and the database.
  static func isBaseDue(logBytes: Int, databaseBytes: Int, least: Int, now: Double, notBefore: Double) -> Bool
  {
    now >= notBefore && logBytes > least && logBytes > databaseBytes
  }
}
