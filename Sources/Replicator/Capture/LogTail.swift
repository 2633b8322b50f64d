import Bytes
import Files
import SQLite
import WALFormat

/// Follows one epoch of a database's log file.
///
/// The log carries no locks, so it may be opened beside SQLite (https://www.sqlite.org/wal.html).
/// Callers hold the lock of `Capturer`.
final class LogTail {
  let file: File
  let header: WALHeader
  private var scanner: CommitScanner
  /// The file whose index shows the committed frames.
  private let database: DatabaseFile?
  /// Minimum and maximum bytes of one read, which is twice the new bytes of the last one.
  ///
  /// A restarted log holds old frames after the new ones. The maximum fits the processor's cache
  /// until the frames are encoded.
  private static let chunks = 1 << 15...1 << 18
  private var chunk = 1 << 18
  /// The last frames that were read, which are likely to be needed next.
  private var last = FrameChunk(bytes: [], first: 0, count: 0, frameSize: 1)

  /// Fails (nil) if the log is absent, empty, or has no valid header yet.
  init?(_ file: File, of database: DatabaseFile?) throws(FilesError) {
    guard let header = WALHeader(try file.read(at: 0, count: WALHeader.size)) else { return nil }
    self.file = file
    self.database = database
    self.header = header
    scanner = CommitScanner(header: header)
  }

  /// The place after the last commit found.
  var position: WALPosition { scanner.committed }

  /// Releases the buffer of the last read.
  func trim() {
    last = FrameChunk(bytes: [], first: 0, count: 0, frameSize: 1)
    chunk = Self.chunks.lowerBound
  }

  /// Returns whether the file still holds this epoch.
  func isCurrent() throws(FilesError) -> Bool {
    WALHeader(try file.read(at: 0, count: WALHeader.size))?.salt == header.salt
  }

  /// The result of one read of the log.
  struct Scan {
    var commits: [LogCommit] = []
    /// Whether no commit follows these, up to the limit.
    ///
    /// If it is false and there are no commits, the read ended within a commit, and the next read
    /// continues there.
    var isAtEnd = true
  }

  /// Returns the next commits, and reads about `bytes` bytes at most.
  ///
  /// With `limit`, no commit ends after that frame. Valid frames are no commit until the log's
  /// index includes them: their writer may have been killed, and the next writer then overwrites
  /// them.
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
        // Another transaction may overwrite frames after the last commit: read them again next
        // time.
        scanner.rewindToCommit()
        break
      }
    }
    return found
  }

  /// Reads `count` frames from frame `first` on into `last`; returns the number of bytes read.
  private func read(_ first: Int, _ count: Int) throws(FilesError) -> Int {
    var bytes: [UInt8] = []
    swap(&bytes, &last.bytes)
    let needed = count * header.frameSize
    if bytes.count < needed { bytes = [UInt8](repeating: 0, count: max(needed, Self.chunks.upperBound)) }
    let read = try file.read(into: &bytes, at: Int(header.offset(ofFrame: first)), count: needed)
    last = FrameChunk(bytes: bytes, first: first, count: read / header.frameSize, frameSize: header.frameSize)
    return read
  }

  /// Returns whether the next frame may be there.
  ///
  /// A restarted log holds old frames, which are expensive to read.
  private func hasNext() throws(FilesError) -> Bool {
    guard scanner.position == scanner.committed else { return true }
    let offset = Int(header.offset(ofFrame: scanner.position.frame + 1))
    let bytes = try file.read(at: offset, count: WALFrame.headerSize)
    return bytes.count == WALFrame.headerSize && WALSalt(ofFrame: bytes) == header.salt
  }

  /// Returns the committed frames of this epoch; nil if the index does not hold this epoch.
  func committed() throws -> Int? {
    // The index of the next epoch proves nothing about this one, which was captured completely.
    try database.flatMap { try LogEnd.of($0) }.flatMap { $0.salt == header.salt ? $0.frame : nil }
  }

  /// Returns `count` frames from frame `first` on; throws if the log is shorter.
  func frames(from first: Int, count: Int) throws -> FrameChunk {
    if first >= last.first, first + count <= last.first + last.count { return last }
    let bytes = try file.read(at: Int(header.offset(ofFrame: first)), count: count * header.frameSize)
    guard bytes.count == count * header.frameSize else {
      throw MirrorError(.hole, "the log was cut while it was being read")
    }
    return FrameChunk(bytes: bytes, first: first, count: count, frameSize: header.frameSize)
  }

  /// Returns the page in a frame; throws if the log is shorter.
  func page(ofFrame frame: Int) throws -> [UInt8] {
    let bytes = try file.read(
      at: Int(header.offset(ofFrame: frame)) + WALFrame.headerSize, count: header.pageSize)
    guard bytes.count == header.pageSize else {
      throw MirrorError(.hole, "the log was cut while it was being read")
    }
    return bytes
  }
}
