import Bytes
import Files
import ReplicaFormat
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
  /// Newest images with their hashes, of pages written not long ago.
  private var recent: [UInt32: PageImage] = [:]
  private static let recentBytes = 8 << 20

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

  /// The newest image of a page.
  func image(of page: UInt32, tail: LogTail, database: DatabaseFile) throws -> PageImage {
    if let image = recent[page] { return image }
    let size = tail.header.pageSize
    let bytes: [UInt8]
    if let place = places[page] {
      bytes = try tail.page(ofFrame: Int(place.frame))
    } else {
      bytes = try database.read(at: Int64(page - 1) * Int64(size), count: size)
    }
    return PageImage(bytes: bytes, hash: PageHash.of(page, bytes, at: 0, pageSize: size))
  }

  /// Keeps the image of a page that stands at `index` of `bytes`; returns its hash.
  mutating func keep(_ page: UInt32, _ bytes: [UInt8], at index: Int, pageSize: Int) -> Hash128 {
    let hash = PageHash.of(page, bytes, at: index, pageSize: pageSize)
    if recent[page] == nil {
      if (recent.count + 1) * pageSize > Self.recentBytes { recent.removeAll(keepingCapacity: true) }
      recent[page] = PageImage(bytes: Array(bytes[index..<index + pageSize]), hash: hash)
    } else {
      recent[page]?.replace(bytes, at: index, hash: hash)
    }
    return hash
  }
}

/// A page at some moment, with its hash.
struct PageImage {
  private(set) var bytes: [UInt8]
  private(set) var hash: Hash128

  init(bytes: [UInt8], hash: Hash128) {
    self.bytes = bytes
    self.hash = hash
  }

  mutating func replace(_ other: [UInt8], at index: Int, hash: Hash128) {
    Kernels.copy(into: &bytes, at: 0, from: other, at: index, count: bytes.count)
    self.hash = hash
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
