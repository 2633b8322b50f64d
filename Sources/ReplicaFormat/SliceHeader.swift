internal import Bytes
package import WALFormat

/// The first 192 bytes of a slice; `Docs/Format.md` has the byte table.
///
/// Numbers are little-endian.
package struct SliceHeader: Hashable, Sendable {
  package static let size = 192
  static let magic = Array("SQLCS3W1".utf8)
  static let version: UInt32 = 1

  package var generation: GenerationID
  package var transactions: ClosedRange<UInt64>
  /// Which part of the slice this object is, from 1.
  ///
  /// Only a transaction too large for one object has several.
  package var part: Int
  package var parts: Int
  /// Header of the epoch of the log that the frames come from.
  package var walHeader: WALHeader
  /// Number of the first frame in its epoch, from 1.
  package var firstFrame: Int
  package var frameCount: Int
  package var commitCount: Int
  /// SQLite's sums before the first frame and after the last.
  package var start: WALChecksum
  package var end: WALChecksum
  /// The database after the transaction before the first: it names the predecessor.
  package var previous: DatabaseState
  /// Every transaction up to this one was in the replica when this object was made.
  package var acknowledged: UInt64
  /// Microseconds since 1970.
  package var created: Int64
  /// Bytes of the compressed pages and of the compressed tables that follow the header.
  package var pagesSize: Int
  package var tablesSize: Int

  package var name: SliceName { SliceName(transactions, part: part, parts: parts) }
  package var endPosition: WALPosition {
    WALPosition(salt: walHeader.salt, frame: firstFrame + frameCount - 1, checksum: end)
  }

  var bytes: [UInt8] {
    var out = Self.magic
    out.reserveCapacity(Self.size)
    out.appendLittleEndian(Self.version)
    out.appendLittleEndian(UInt32(walHeader.pageSize))
    out.appendLittleEndian(generation.sequence)
    out.appendLittleEndian(generation.random)
    out.appendLittleEndian(transactions.lowerBound)
    out.appendLittleEndian(transactions.upperBound)
    out.appendLittleEndian(UInt32(part))
    out.appendLittleEndian(UInt32(parts))
    out += walHeader.bytes
    out.appendLittleEndian(UInt32(firstFrame))
    out.appendLittleEndian(UInt32(frameCount))
    out.appendLittleEndian(UInt32(commitCount))
    out.appendLittleEndian(previous.pages)
    for sum in [start.first, start.second, end.first, end.second] { out.appendLittleEndian(sum) }
    out.appendLittleEndian(previous.checksum.low)
    out.appendLittleEndian(previous.checksum.high)
    out.appendLittleEndian(acknowledged)
    out.appendLittleEndian(created)
    out.appendLittleEndian(UInt64(pagesSize))
    out.appendLittleEndian(UInt64(tablesSize))
    out += [UInt8](repeating: 0, count: Self.size - 16 - out.count)
    let hash = Hash128(out, 0..<out.count)
    out.appendLittleEndian(hash.low)
    out.appendLittleEndian(hash.high)
    return out
  }

  /// Reads the header at the start of an object, or of a later section of it.
  package init(_ bytes: [UInt8], at start: Int, object: String) throws(FormatError) {
    guard start >= 0, start <= bytes.count - Self.size else { throw FormatError(object, "cut short") }
    try self.init(Array(bytes[start..<start + Self.size]), object: object)
  }

  /// Reads the header at the start of an object.
  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    guard bytes.count >= Self.size else { throw FormatError(object, "cut short") }
    guard bytes.starts(with: Self.magic) else { throw FormatError(object, "not a WAL slice") }
    guard bytes.littleEndian(at: 8) == Self.version else {
      throw FormatError(object, "written by a newer version of this program")
    }
    let hash = Hash128(bytes, 0..<Self.size - 16)
    guard bytes.littleEndian(at: Self.size - 16) == hash.low,
      bytes.littleEndian(at: Self.size - 8) == hash.high
    else { throw FormatError(object, "its header is damaged") }
    func number(_ at: Int) -> Int { Int(bytes.littleEndian(at: at) as UInt32) }
    func wide(_ at: Int) -> UInt64 { bytes.littleEndian(at: at) }
    let first = wide(24)
    let last = wide(32)
    guard let walHeader = WALHeader(Array(bytes[48..<80])), first <= last, walHeader.pageSize == number(12)
    else {
      throw FormatError(object, "its header is damaged")
    }
    generation = GenerationID(sequence: bytes.littleEndian(at: 16), random: bytes.littleEndian(at: 20))
    transactions = first...last
    part = number(40)
    parts = number(44)
    self.walHeader = walHeader
    firstFrame = number(80)
    frameCount = number(84)
    commitCount = number(88)
    start = WALChecksum(first: bytes.littleEndian(at: 96), second: bytes.littleEndian(at: 100))
    end = WALChecksum(first: bytes.littleEndian(at: 104), second: bytes.littleEndian(at: 108))
    previous = DatabaseState(
      pageSize: walHeader.pageSize, pages: bytes.littleEndian(at: 92),
      checksum: Hash128(high: wide(120), low: wide(112)))
    acknowledged = wide(128)
    created = Int64(bitPattern: wide(136))
    pagesSize = Int(clamping: wide(144))
    tablesSize = Int(clamping: wide(152))
  }

  init(
    generation: GenerationID, transactions: ClosedRange<UInt64>, part: Int, parts: Int, walHeader: WALHeader,
    firstFrame: Int, frameCount: Int, commitCount: Int, start: WALChecksum, end: WALChecksum,
    previous: DatabaseState, acknowledged: UInt64, created: Int64, pagesSize: Int, tablesSize: Int
  ) {
    self.generation = generation
    self.transactions = transactions
    self.part = part
    self.parts = parts
    self.walHeader = walHeader
    self.firstFrame = firstFrame
    self.frameCount = frameCount
    self.commitCount = commitCount
    self.start = start
    self.end = end
    self.previous = previous
    self.acknowledged = acknowledged
    self.created = created
    self.pagesSize = pagesSize
    self.tablesSize = tablesSize
  }
}

/// A commit inside a slice.
package struct SliceCommit: Hashable, Sendable {
  /// Frames of this object up to and with the commit frame.
  package var frames: Int
  /// Microseconds since 1970.
  package var time: Int64
  /// The database after the commit.
  package var state: DatabaseState

  package init(frames: Int, time: Int64, state: DatabaseState) {
    self.frames = frames
    self.time = time
    self.state = state
  }

  /// The same commit in an object that has so many frames before it.
  func shifted(by count: Int) -> SliceCommit {
    SliceCommit(frames: frames + count, time: time, state: state)
  }

  static let size = 32
}
