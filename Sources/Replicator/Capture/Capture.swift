import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Follows the log from epoch to epoch, and passes its commits to the encoder.
///
/// Not thread-safe: callers hold the lock of `Capturer`.
final class Capture {
  let encoder: CommitEncoder
  let guardian: Guard
  private let pendingCommits: PendingCommits
  private let logFile: File
  private var tail: LogTail?
  private var scanned: [LogCommit]
  private var scannedHead = 0
  /// The frame at which the log may be restarted.
  ///
  /// Every frame up to it was read before the guard permitted the restart.
  private var sealedFrame: Int?
  /// The number of snapshots in use; the guard does not move unless it is 0.
  var pins = 0
  /// Frames in the log at the last attempt to copy it for others.
  var copiedFrames = 0
  /// The time since the last change of the log.
  var quiet = Quiet()

  init(
    encoder: CommitEncoder, guardian: Guard, pendingCommits: PendingCommits, logFile: File, tail: LogTail?,
    following: [LogCommit]
  ) {
    self.encoder = encoder
    self.guardian = guardian
    self.pendingCommits = pendingCommits
    self.logFile = logFile
    self.tail = tail
    scanned = following
  }

  /// Records how long the log has not changed.
  struct Quiet {
    var end: LogEnd?
    /// Monotonic seconds.
    var since = -Double.infinity
    /// Whether the session made the last change.
    var isOwn = false
    /// Whether a copy of the log in this state was attempted.
    var hasCopied = false
  }

  /// Frames of the log that are captured.
  var framesTaken: Int { encoder.position?.frame ?? 0 }

  /// Commits that the log held before the guard held its end.
  ///
  /// Any process may copy them into the database file, from which older images of pages are read.
  struct Unguarded {
    /// The last frame of these commits.
    let end: Int
    /// Returns whether the database file is unchanged since the first read of the log.
    let isFileIntact: () throws -> Bool
  }
  var unguarded: Unguarded?

  /// The reason for which `advance` stopped.
  enum Stop {
    /// Every commit that the log held is captured.
    case atEnd
    /// The permitted number of bytes was read, perhaps within a commit: more follows.
    case budget
    /// The upload queue is full: nothing more is captured until it has room.
    case full
    /// The next commit may be the session's own, which is not announced yet.
    case unannounced
  }

  /// Captures commits until the log ends, `bytes` have been read, or the upload queue is full.
  ///
  /// Throws `.hole` if the log was restarted before all of it was read. Throws `.hole` also if the
  /// log was copied into the database file while images of pages were still read there.
  func advance(bytes: Int) throws -> Stop {
    guard let unguarded else {
      defer { encoder.release() }
      return try take(bytes: bytes)
    }
    let stop = try take(bytes: bytes)
    guard try unguarded.isFileIntact() else {
      encoder.discard()
      throw MirrorError(.hole, "the log was copied into the database before all of it had been read")
    }
    encoder.release()
    if framesTaken >= unguarded.end { self.unguarded = nil }
    return stop
  }

  /// Captures every announced commit of the log; returns false if the upload queue is full.
  func takeAll() throws -> Bool {
    while true {
      switch try advance(bytes: 16 << 20) {
      case .atEnd, .unannounced: return true
      case .budget: continue
      case .full: return false
      }
    }
  }

  /// Returns whether everything up to an earlier end of the log is captured.
  ///
  /// Throws `.hole` if that end can no longer be reached.
  func hasTaken(_ end: LogEnd) throws -> Bool {
    // If the log had no header when capturing began, the database file held everything.
    guard let tail else { return try end.frame == 0 || LogEnd.of(guardian.file)?.salt != end.salt }
    if tail.header.salt == end.salt { return framesTaken >= end.frame }
    // Epochs are followed in order, without a gap. If this epoch is the log's current one, the
    // other is older.
    if try LogEnd.of(guardian.file)?.salt == tail.header.salt { return true }
    // The log was restarted and holds nothing yet.
    return end.frame == 0 && sealedFrame == framesTaken
  }

  private func take(bytes: Int) throws -> Stop {
    var left = bytes
    while true {
      if let tail {
        while scannedHead < scanned.count {
          let commit = scanned[scannedHead]
          // An unannounced commit of the session must not count as a commit of another connection.
          if let limit = pendingCommits.readLimit, commit.end.frame > limit,
            try commit.end.frame > framesOfOthers(tail)
          {
            return .unannounced
          }
          guard left > 0, try encoder.encode(commit, from: tail, budget: &left) else {
            return encoder.isFull ? .full : .budget
          }
          scannedHead += 1
        }
        scanned.removeAll(keepingCapacity: true)
        scannedHead = 0
      }
      guard left > 0 else { return encoder.isFull ? .full : .budget }
      try followEpoch()
      guard let tail else { return .atEnd }
      var limit = pendingCommits.limit(after: tail.position.frame)
      if let announced = limit { limit = try max(announced, framesOfOthers(tail)) }
      let scan = try tail.scan(bytes: max(left, 1 << 20), limit: limit)
      scanned = scan.commits
      if scanned.isEmpty, !scan.isAtEnd { return .budget }
      if scanned.isEmpty { return limit == nil ? .atEnd : .unannounced }
    }
  }

  /// Returns the frames of other connections that can be captured while the session's statement
  /// writes.
  ///
  /// Returns 0 for none. The statement waits for the lock of another process, whose commits need
  /// not wait.
  private func framesOfOthers(_ tail: LogTail) throws -> Int {
    try pendingCommits.whileWaiting { try tail.committed() ?? 0 } ?? 0
  }

  /// Follows the log into a new epoch if it was restarted, after a check that no commit was missed.
  private func followEpoch() throws {
    guard let tail else {
      guard let first = try LogTail(logFile, of: guardian.file) else { return }
      guard encoder.state.pages == 0 || first.header.pageSize == encoder.state.pageSize else {
        throw MirrorError(.hole, "the page size of the database changed")
      }
      return begin(first)
    }
    guard try !tail.isCurrent() else { return }
    let hole = MirrorError(.hole, "the log was restarted before all of it had been read")
    guard sealedFrame == framesTaken else { throw hole }
    // A checkpoint truncated the log, and nothing was committed since.
    guard let next = try LogTail(logFile, of: guardian.file) else { return }
    // Several restarts may lie between. Salts prove nothing, because SQLite draws new ones after a
    // checkpoint has truncated the log. But no epoch between held a frame: the guard stands on the
    // database file, so no frame can be copied there, and only a copied log can be restarted.
    guard next.header.pageSize == encoder.state.pageSize else { throw hole }
    begin(next)
  }

  private func begin(_ next: LogTail) {
    tail = next
    unguarded = nil
    encoder.beginEpoch(next.header)
    sealedFrame = nil
  }

  /// Releases buffers that the next commit makes again.
  func trim() {
    tail?.trim()
    encoder.trim()
    if scannedHead == scanned.count {
      scanned = []
      scannedHead = 0
    }
    guardian.trim()
  }

  /// Permits a restart of the log at the captured frames.
  func seal() { sealedFrame = framesTaken }

  /// Moves the guard to the end of the log, so that all of it may be copied into the database file.
  ///
  /// If all of it is copied already, the log may be restarted. Call this only with everything
  /// captured. Returns whether nothing was committed meanwhile. The guard does not move unless
  /// everything before its new place is captured.
  ///
  /// The log cannot be restarted unnoticed. A guard that begins while another one holds the log
  /// finds everything copied only if the other one stands at the end.
  func renewGuard() throws -> Bool {
    let before = framesTaken
    try guardian.beginNext()
    var hasAll = false
    do {
      // Both guards hold now: the old one keeps frames that are not captured, the new one later
      // frames.
      hasAll = try takeAll() && isAllTaken()
    } catch {
      try guardian.cancelNext()
      throw error
    }
    guard hasAll else {
      try guardian.cancelNext()
      return false
    }
    let isUnchanged = framesTaken == before
    if isUnchanged { sealedFrame = before }
    try guardian.endPrevious()
    return isUnchanged
  }

  /// Returns whether the log holds no commit after the captured ones, announced or not.
  private func isAllTaken() throws -> Bool {
    if let tail, scannedHead == scanned.count {
      scanned += try tail.scan(bytes: .max, limit: nil).commits
    }
    return scannedHead == scanned.count
  }

  /// Returns the ends of unannounced commits in the log, while the session's connection writes.
  func unannouncedCommits() throws -> [Int] {
    while true {
      let stop = try advance(bytes: 64 << 20)
      if stop == .full { return [] }
      if stop != .budget { break }
    }
    if let tail { scanned += try tail.scan(bytes: .max, limit: nil, all: true).commits }
    return scanned[scannedHead...].map(\.end.frame)
  }

  /// Returns the current state of the database, to read while `pins` is above 0.
  func snapshot() -> Snapshot {
    Snapshot(
      file: guardian.file, log: tail?.file, header: tail?.header,
      frames: encoder.images.frames, pageSize: encoder.state.pageSize, pages: encoder.state.pages)
  }
}
