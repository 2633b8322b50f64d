
/// Reads the frames of one epoch in order and keeps what belongs to complete commits.
///
/// A frame that does not check ends the log: it is no error, it has not been written yet.
package struct CommitScanner: Sendable {
  package let header: WALHeader
  /// The place after the last frame that was valid, committed or not.
  package private(set) var position: WALPosition
  /// The place after the last commit.
  package private(set) var committed: WALPosition
  /// Frames after the last commit.
  private var uncommitted: [WALFrame] = []

  /// Frames that commits were found to hold.
  package struct Run: Sendable {
    /// Number of the first frame, from 1.
    package let firstFrame: Int
    package let frames: [WALFrame]
    package let start: WALPosition
    package let end: WALPosition
  }

  package init(header: WALHeader, from position: WALPosition? = nil) {
    self.header = header
    self.position = position ?? WALPosition(startOf: header)
    committed = self.position
  }

  /// Scans whole frames of a chunk that begins with frame `position.frame + 1`.
  ///
  /// Returns the frames that complete commits (the first of them may come from earlier chunks); nil where none
  /// does. `ended` is true where a frame did not check.
  package mutating func scan(_ chunk: [UInt8], count: Int) -> (run: Run?, ended: Bool) {
    var at = 0
    var sums = position.checksum
    var frame = position.frame
    var taken = 0
    var commit = committed
    let start = committed
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
        taken = uncommitted.count
        commit = WALPosition(salt: header.salt, frame: frame, checksum: sums)
      }
    }
    position = WALPosition(salt: header.salt, frame: frame, checksum: sums)
    guard taken > 0 else { return (nil, ended) }
    let frames = Array(uncommitted[..<taken])
    uncommitted.removeFirst(taken)
    committed = commit
    return (Run(firstFrame: start.frame + 1, frames: frames, start: start, end: commit), ended)
  }

  /// Forgets frames after the last commit: they may be overwritten by a transaction that took their place.
  package mutating func rewindToCommit() {
    position = committed
    uncommitted.removeAll()
  }
}
