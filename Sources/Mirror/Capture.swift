import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Follows the log from epoch to epoch and has its commits encoded.
///
/// Not thread-safe: used under `CaptureLock`.
final class Capture {
  let encoder: LogEncoder
  let guardian: Guard
  private let announcements: Announcements
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

  init(
    encoder: LogEncoder, guardian: Guard, announcements: Announcements, logFile: File, tail: LogTail?,
    following: [LogCommit]
  ) {
    self.encoder = encoder
    self.guardian = guardian
    self.announcements = announcements
    self.logFile = logFile
    self.tail = tail
    scanned = following
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

  /// Takes commits from the log until it ends, `bytes` have been read, or enough waits in the outbox.
  ///
  /// Returns whether it stopped before the end of the log. Throws `.hole` where the log was restarted before all
  /// of it was read, or copied into the database file while images of pages were still read there.
  func advance(bytes: Int) throws -> Bool {
    guard let unguarded else { return try take(bytes: bytes) }
    let more = try take(bytes: bytes)
    guard try unguarded.isFileIntact() else {
      encoder.discard()
      throw MirrorError(.hole, "the log was copied into the database before all of it had been read")
    }
    if framesTaken >= unguarded.end { self.unguarded = nil }
    return more
  }

  private func take(bytes: Int) throws -> Bool {
    var left = bytes
    while true {
      if let tail {
        while scannedHead < scanned.count {
          let commit = scanned[scannedHead]
          // A commit of the session that is not announced yet must not be taken for somebody else's.
          if let limit = announcements.readLimit, commit.end.frame > limit,
            try commit.end.frame > framesOfOthers(tail)
          {
            return false
          }
          guard left > 0, try encoder.encode(commit, from: tail, budget: &left) else { return true }
          scannedHead += 1
        }
        scanned.removeAll(keepingCapacity: true)
        scannedHead = 0
      }
      guard left > 0 else { return true }
      try followEpoch()
      guard let tail else { return false }
      var limit = announcements.limit(after: tail.position.frame)
      if let announced = limit { limit = try max(announced, framesOfOthers(tail)) }
      scanned = try tail.scan(bytes: max(left, 1 << 20), limit: limit)
      if scanned.isEmpty { return false }
    }
  }

  /// Frames of the log that can be taken although the session's statement is writing; 0 for none.
  ///
  /// It waits for the lock that another process has, and nobody's commits need wait with it.
  private func framesOfOthers(_ tail: LogTail) throws -> Int {
    try announcements.whileWaiting { try tail.committed() ?? 0 } ?? 0
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
    guard try !tail.isCurrent(), let next = try LogTail(logFile, of: guardian.file) else { return }
    guard sealedFrame == framesTaken, next.header.salt.first == tail.header.salt.first &+ 1,
      next.header.pageSize == encoder.state.pageSize
    else { throw MirrorError(.hole, "the log was restarted before all of it had been read") }
    begin(next)
  }

  private func begin(_ next: LogTail) {
    tail = next
    unguarded = nil
    encoder.beginEpoch(next.header)
    sealedFrame = nil
    guardFrame = 0
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
      hasAll = try !advance(bytes: 8 << 20) && isAllTaken()
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
    guardFrame = framesTaken
    return isUnchanged
  }

  /// Whether no commit stands in the log after those taken, an unannounced one of the session neither.
  private func isAllTaken() throws -> Bool {
    if let tail, scannedHead == scanned.count { scanned += try tail.scan(bytes: .max, limit: nil) }
    return scannedHead == scanned.count
  }

  /// Frames in the log when the guard began to hold what it holds, or a few more; 0 in a log that was restarted since.
  ///
  /// With frames after it, the next guard holds a place in the log, and no writer can restart it meanwhile.
  var guardFrame = 0

  /// Ends of the commits in the log that nobody has announced, while the session's connection is writing.
  func unannouncedCommits() throws -> [Int] {
    while try advance(bytes: 64 << 20) { if encoder.isFull { return [] } }
    if let tail { scanned += try tail.scan(bytes: .max, limit: nil, all: true) }
    return scanned[scannedHead...].map(\.end.frame)
  }

  /// Everything as it is now, to read while `pins` is above 0.
  func snapshot() -> Snapshot {
    Snapshot(
      file: guardian.file, log: tail?.file, header: tail?.header,
      frames: encoder.images.frames, pageSize: encoder.state.pageSize, pages: encoder.state.pages)
  }
}
