import Bytes
import Files
import SQLite
import WALFormat

/// Follows one epoch of a database's log file.
///
/// The log carries no locks, so it may be opened beside SQLite (https://www.sqlite.org/wal.html).
final class LogTail {
  let file: File
  let header: WALHeader
  private var scanner: CommitScanner
  /// Tells what of the log is committed.
  private let database: DatabaseFile?
  /// Bytes read at once: twice as many as were new the last time.
  ///
  /// A log that was restarted holds old frames after the new ones. No more than what stays in the processor's cache until it has been
  /// encoded.
  private static let chunks = 1 << 15...1 << 18
  private var chunk = 1 << 18
  /// The frames read last, which are likely to be asked for next.
  private var last = FrameChunk(bytes: [], first: 0, count: 0, frameSize: 1)

  /// Nil where the log is absent, empty, or has no valid header yet.
  init?(_ file: File, of database: DatabaseFile?) throws(FilesError) {
    guard let header = WALHeader(try file.read(at: 0, count: WALHeader.size)) else { return nil }
    self.file = file
    self.database = database
    self.header = header
    scanner = CommitScanner(header: header)
  }

  /// The place after the last commit found.
  var position: WALPosition { scanner.committed }

  /// Whether the file still holds this epoch.
  func isCurrent() throws(FilesError) -> Bool {
    WALHeader(try file.read(at: 0, count: WALHeader.size))?.salt == header.salt
  }

  /// What one look at the log found.
  struct Scan {
    var commits: [LogCommit] = []
    /// Whether no commit follows these, up to the limit.
    ///
    /// If it is false and there are no commits, the look ended within a commit:
    /// the next one goes on there.
    var isAtEnd = true
  }

  /// The next commits after those found before, reading about `bytes` bytes at most.
  ///
  /// With `limit`, none that ends after that frame. Frames that check are no commit before the index of the log says so: their
  /// writer may have been killed, and then the next one overwrites them.
  func scan(bytes: Int, limit: Int?, all: Bool = false) throws -> Scan {
    var found = Scan()
    let limit = try committed().map { min($0, limit ?? .max) } ?? limit
    var left = bytes
    if limit == nil, try !hasNext() { return found }
    while true {
      let from = scanner.position.frame
      var frames = max(chunk / header.frameSize, 1)
      if let limit { frames = min(frames, limit - from) }
      guard frames > 0 else { break }
      guard left > 0, all || found.commits.isEmpty else {
        found.isAtEnd = false
        break
      }
      let read = try read(from + 1, frames)
      guard read >= header.frameSize else { break }
      let (commits, ended) = scanner.scan(last.bytes, count: read)
      found.commits += commits
      let new = (scanner.position.frame - from) * header.frameSize
      chunk = min(max(2 * new, Self.chunks.lowerBound), Self.chunks.upperBound)
      left -= read
      if ended {
        // What followed the last commit may be overwritten by another transaction: read it anew next time.
        scanner.rewindToCommit()
        break
      }
    }
    return found
  }

  /// Reads so many frames from frame `first` on into the memory of those read last; returns how many bytes there were.
  private func read(_ first: Int, _ count: Int) throws(FilesError) -> Int {
    var bytes: [UInt8] = []
    swap(&bytes, &last.bytes)
    let needed = count * header.frameSize
    if bytes.count < needed { bytes = [UInt8](repeating: 0, count: max(needed, Self.chunks.upperBound)) }
    let read = try file.read(into: &bytes, at: Int(header.offset(ofFrame: first)), count: needed)
    last = FrameChunk(bytes: bytes, first: first, count: read / header.frameSize, frameSize: header.frameSize)
    return read
  }

  /// Whether the next frame may be there: a log that was restarted holds frames of before, which are much to read.
  private func hasNext() throws(FilesError) -> Bool {
    guard scanner.position == scanner.committed else { return true }
    let offset = Int(header.offset(ofFrame: scanner.position.frame + 1))
    let bytes = try file.read(at: offset, count: WALFrame.headerSize)
    return bytes.count == WALFrame.headerSize && WALSalt(ofFrame: bytes) == header.salt
  }

  /// Frames of this epoch that are committed; nil if the index does not hold this epoch.
  func committed() throws -> Int? {
    // The index of the next epoch says nothing about this one, all of which was captured.
    try database.flatMap { try LogEnd.of($0) }.flatMap { $0.salt == header.salt ? $0.frame : nil }
  }

  /// So many frames from frame `first` on; throws where the log is shorter.
  func frames(from first: Int, count: Int) throws -> FrameChunk {
    if first >= last.first, first + count <= last.first + last.count { return last }
    let bytes = try file.read(at: Int(header.offset(ofFrame: first)), count: count * header.frameSize)
    guard bytes.count == count * header.frameSize else {
      throw MirrorError(.hole, "the log was cut while it was being read")
    }
    return FrameChunk(bytes: bytes, first: first, count: count, frameSize: header.frameSize)
  }

  /// The page that a frame holds; throws where the log is shorter.
  func page(ofFrame frame: Int) throws -> [UInt8] {
    let bytes = try file.read(
      at: Int(header.offset(ofFrame: frame)) + WALFrame.headerSize, count: header.pageSize)
    guard bytes.count == header.pageSize else {
      throw MirrorError(.hole, "the log was cut while it was being read")
    }
    return bytes
  }
}
