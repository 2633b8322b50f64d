import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Follows the log from epoch to epoch and has its commits encoded.
///
/// Not thread-safe: used under the lock of `Capturer`.
final class Capture {
  let encoder: CommitEncoder
  let guardian: Guard
  private let pendingCommits: PendingCommits
  private let logFile: File
  private var tail: LogTail?
  private var scanned: [LogCommit]
  private var scannedHead = 0
  /// Frame at which the log may be restarted: everything up to it was read before the guard allowed that.
  private var sealedFrame: Int?
  /// While above 0, the guard stays where it is: somebody reads a snapshot.
  var pins = 0
  /// Frames in the log when it was last tried to copy it for others.
  var copiedFrames = 0
  /// Since when the log has not changed.
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

  /// How long the log has been what it is.
  struct Quiet {
    var end: LogEnd?
    /// Monotonic seconds.
    var since = -Double.infinity
    /// Whether the session made the last change.
    var isOwn = false
    /// Whether copying the log in this state was tried.
    var hasCopied = false
  }

  /// Frames of the log that are taken.
  var framesTaken: Int { encoder.position?.frame ?? 0 }

  /// Commits that the log held already when the guard began to hold its end: anybody may copy them into the database
  /// file, where images of pages before them are read.
  struct Unguarded {
    /// Last frame of them.
    let end: Int
    /// Whether the database file still holds what it did when the log was looked at first.
    let isFileIntact: () throws -> Bool
  }
  var unguarded: Unguarded?

  /// Why `advance` stopped.
  enum Stop {
    /// Everything that the log held at that moment is taken.
    case atEnd
    /// So many bytes were read as were allowed, also within a commit: more follows.
    case budget
    /// The upload queue is full: nothing more is taken until something of it was stored.
    case full
    /// What follows may be a commit of the session that is not announced yet.
    case unannounced
  }

  /// Takes commits from the log until it ends, `bytes` have been read, or the upload queue is full.
  ///
  /// Throws `.hole` if the log was restarted before all of it was read, or copied into the database file while
  /// images of pages were still read there.
  func advance(bytes: Int) throws -> Stop {
    guard let unguarded else { return try take(bytes: bytes) }
    let stop = try take(bytes: bytes)
    guard try unguarded.isFileIntact() else {
      encoder.discard()
      throw MirrorError(.hole, "the log was copied into the database before all of it had been read")
    }
    if framesTaken >= unguarded.end { self.unguarded = nil }
    return stop
  }

  /// Takes all that the log holds and the session has announced; returns false if the upload queue is full.
  func takeAll() throws -> Bool {
    while true {
      switch try advance(bytes: 16 << 20) {
      case .atEnd, .unannounced: return true
      case .budget: continue
      case .full: return false
      }
    }
  }

  /// Whether everything up to a place where the log ended once is taken.
  ///
  /// Throws `.hole` if that can never be.
  func hasTaken(_ end: LogEnd) throws -> Bool {
    // Where the log had no header when capturing began, the database file held everything.
    guard let tail else { return try end.frame == 0 || LogEnd.of(guardian.file)?.salt != end.salt }
    if tail.header.salt == end.salt { return framesTaken >= end.frame }
    // Epochs follow one another and are followed with proof. If this one is the log's present one, the other came before.
    if try LogEnd.of(guardian.file)?.salt == tail.header.salt { return true }
    // A log that was restarted and holds nothing yet.
    return end.frame == 0 && sealedFrame == framesTaken
  }

  private func take(bytes: Int) throws -> Stop {
    var left = bytes
    while true {
      if let tail {
        while scannedHead < scanned.count {
          let commit = scanned[scannedHead]
          // A commit of the session that is not announced yet must not be taken for somebody else's.
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

  /// Frames of the log that can be taken although the session's statement is writing; 0 for none.
  ///
  /// It waits for the lock that another process has, and nobody's commits need wait with it.
  private func framesOfOthers(_ tail: LogTail) throws -> Int {
    try pendingCommits.whileWaiting { try tail.committed() ?? 0 } ?? 0
  }

  /// Goes over to the new epoch where the log was restarted, having made sure that nothing was missed.
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
    // Cut by a checkpoint, and nothing was committed since.
    guard let next = try LogTail(logFile, of: guardian.file) else { return }
    // Several restarts may lie between, and salts prove nothing: SQLite draws new ones where a checkpoint has cut the log. But no
    // epoch between held a frame. The guard stands on the database file, so no frame can be copied there, and only a log
    // that is copied can be restarted.
    guard next.header.pageSize == encoder.state.pageSize else { throw hole }
    begin(next)
  }

  private func begin(_ next: LogTail) {
    tail = next
    unguarded = nil
    encoder.beginEpoch(next.header)
    sealedFrame = nil
  }

  /// Lets the log be restarted at the frames taken.
  func seal() { sealedFrame = framesTaken }

  /// Moves the guard to the end of the log, so that all of it may be copied into the database file; where all of it
  /// is there already, the log may be restarted.
  ///
  /// Call with everything taken. Returns whether nothing was committed meanwhile; it stays where it is unless all that it
  /// would let pass has been taken. Whatever happens, the log cannot be
  /// restarted behind our back: the guard that begins while another holds the log at a place finds everything copied
  /// only where that place is the end.
  func renewGuard() throws -> Bool {
    let before = framesTaken
    try guardian.beginNext()
    var hasAll = false
    do {
      // Between the two: the old guard still holds what was not taken, the new one what comes.
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

  /// Whether no commit stands in the log after those taken, an unannounced one of the session neither.
  private func isAllTaken() throws -> Bool {
    if let tail, scannedHead == scanned.count {
      scanned += try tail.scan(bytes: .max, limit: nil).commits
    }
    return scannedHead == scanned.count
  }

  /// Ends of the commits in the log that nobody has announced, while the session's connection is writing.
  func unannouncedCommits() throws -> [Int] {
    while true {
      let stop = try advance(bytes: 64 << 20)
      if stop == .full { return [] }
      if stop != .budget { break }
    }
    if let tail { scanned += try tail.scan(bytes: .max, limit: nil, all: true).commits }
    return scanned[scannedHead...].map(\.end.frame)
  }

  /// Everything as it is now, to read while `pins` is above 0.
  func snapshot() -> Snapshot {
    Snapshot(
      file: guardian.file, log: tail?.file, header: tail?.header,
      frames: encoder.images.frames, pageSize: encoder.state.pageSize, pages: encoder.state.pages)
  }
}
