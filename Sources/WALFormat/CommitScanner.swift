/// Reads the frames of one epoch in order and keeps those of complete commits.
///
/// This target describes SQLite's log as bytes, without I/O: `WALHeader` begins an epoch,
/// `WALFrame` is one frame, `WALChecksum` chains them. A frame with a wrong checksum ends the log.
/// It is no error: it has not been written yet.
///
///     var scanner = CommitScanner(header: header)
///     let (commits, ended) = scanner.scan(chunk, count: chunk.count)
package struct CommitScanner: Sendable {
  package let header: WALHeader
  /// The position after the last valid frame, committed or not.
  package private(set) var position: WALPosition
  /// The position after the last commit.
  package private(set) var committed: WALPosition
  /// Frames after the last commit.
  private var uncommitted: [WALFrame] = []

  package init(header: WALHeader, from position: WALPosition? = nil) {
    self.header = header
    self.position = position ?? WALPosition(startOf: header)
    committed = self.position
  }

  /// Scans whole frames of a chunk that begins with frame `position.frame + 1`.
  ///
  /// Returns the completed commits (frames of the first may come from earlier chunks). `ended` is
  /// true if a frame had a wrong checksum.
  package mutating func scan(_ chunk: [UInt8], count: Int) -> (commits: [LogCommit], ended: Bool) {
    var at = 0
    var sums = position.checksum
    var frame = position.frame
    var commits: [LogCommit] = []
    var ended = false
    while at + header.frameSize <= count {
      guard let next = WALFrame(at: at, in: chunk, of: header, continuing: &sums) else {
        ended = true
        break
      }
      frame += 1
      at += header.frameSize
      uncommitted.append(next)
      if next.isCommit {
        let end = WALPosition(salt: header.salt, frame: frame, checksum: sums)
        commits.append(LogCommit(frames: uncommitted, start: committed, end: end))
        let count = uncommitted.count
        uncommitted = []
        // The next commit often has the same length.
        uncommitted.reserveCapacity(min(count, 64))
        committed = end
      }
    }
    position = WALPosition(salt: header.salt, frame: frame, checksum: sums)
    return (commits, ended)
  }

  /// Forgets frames after the last commit, because another transaction may overwrite them.
  package mutating func rewindToCommit() {
    position = committed
    uncommitted.removeAll()
  }
}

/// The frames of one commit.
package struct LogCommit: Sendable {
  package let frames: [WALFrame]
  package let start: WALPosition
  package let end: WALPosition

  /// Size of the database in pages after the commit.
  package var databaseSize: UInt32 { frames.last?.databaseSize ?? 0 }
}
