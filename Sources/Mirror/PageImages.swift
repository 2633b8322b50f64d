import Files
import SQLite
import WALFormat

/// Where the newest image of each page is: in the log, or in the database file as it was when the epoch began.
struct PageImages {
  private struct Place {
    var frame: Int32
    /// Differences since the page was last stored whole.
    var chain: Int32
  }

  private var places: [UInt32: Place] = [:]

  /// Newest frame of each page in the log.
  var frames: [UInt32: Int] { places.mapValues { Int($0.frame) } }

  /// Notes frames that were stored by an earlier run of the program.
  init(_ commits: some Sequence<LogCommit> = []) {
    for commit in commits {
      for (index, frame) in commit.frames.enumerated() {
        note(frame.page, frame: commit.start.frame + index + 1, isDelta: false)
      }
    }
  }

  mutating func note(_ page: UInt32, frame: Int, isDelta: Bool) {
    let chain = isDelta ? (places[page]?.chain ?? 0) + 1 : 0
    places[page] = Place(frame: Int32(frame), chain: chain)
  }

  /// Whether the page may be stored as a difference once more.
  func mayChain(_ page: UInt32, limit: Int) -> Bool { (places[page]?.chain ?? 0) < limit }

  /// The newest image of a page; `chunk` holds frames from `chunkFirst` on, which spares reading them again.
  func image(
    of page: UInt32, tail: LogTail, database: DatabaseFile, chunk: FrameChunk
  ) throws -> (bytes: [UInt8], index: Int) {
    let size = tail.header.pageSize
    guard let place = places[page] else {
      return (try database.read(at: Int64(page - 1) * Int64(size), count: size), 0)
    }
    if let at = chunk.pageIndex(ofFrame: Int(place.frame)) { return (chunk.bytes, at) }
    let bytes = try tail.page(ofFrame: Int(place.frame))
    guard bytes.count == size else { throw MirrorError(.hole, "the log was cut while it was being read") }
    return (bytes, 0)
  }
}

/// Consecutive frames as they stand in the log.
struct FrameChunk {
  let bytes: [UInt8]
  let first: Int
  let count: Int
  let frameSize: Int

  /// Where in `bytes` the page of a frame begins; nil where the chunk does not hold it.
  func pageIndex(ofFrame frame: Int) -> Int? {
    guard frame >= first, frame < first + count else { return nil }
    return (frame - first) * frameSize + WALFrame.headerSize
  }

  /// SQLite's sums after a frame of the chunk.
  func checksum(ofFrame frame: Int) -> WALChecksum {
    WALChecksum(at: (frame - first) * frameSize + 16, in: bytes)
  }
}
