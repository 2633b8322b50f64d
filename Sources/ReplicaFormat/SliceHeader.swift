internal import Bytes
package import WALFormat

/// The header of a slice; `Docs/Format.md` has the byte tables.
///
/// Most fields have a variable length.
package struct SliceHeader: Hashable, Sendable {
  /// The maximum length of a header.
  package static let most = 255
  static let magic = Array("SQLCS3W1".utf8)
  static let version: UInt8 = 1

  package var generation: GenerationID
  package var transactions: ClosedRange<UInt64>
  /// The number of this part of the slice, from 1.
  ///
  /// Only a transaction too large for one object has several parts.
  package var part: Int
  package var parts: Int
  /// The header of the log's epoch.
  package var walHeader: WALHeader
  /// Number of the first frame in its epoch, from 1.
  package var firstFrame: Int
  package var frameCount: Int
  package var commitCount: Int
  /// SQLite's sums before the first frame and after the last frame.
  package var start: WALChecksum
  package var end: WALChecksum
  /// The database after the transaction before the first one.
  package var previous: DatabaseState
  /// Everything up to this transaction was stored when this object was made.
  package var acknowledged: UInt64
  /// Microseconds since 1970.
  package var created: Int64
  /// In a part of a transaction: the largest page number of all its parts, or the size of the
  /// database after it if that is larger; nil in a slice of one part.
  package var largestPage: UInt32?
  /// The identity in the log of the object that this section belongs to.
  package var entry: Entry
  /// The content after the header.
  var content: SliceContent
  /// Bytes of the header as it was read.
  var size = 0

  /// The identity of a slice in its generation's log; all sections of an object have the same.
  package struct Entry: Hashable, Sendable {
    /// Its own identifier; in a merged object, that of the last entry that it replaces.
    package let id: EntryID
    /// The identifier of the entry before it.
    package let previous: EntryID
    /// Number of the session that wrote it; 0 in a merged object.
    package let session: UInt64
    /// The last transaction of the object.
    package let lastTransaction: UInt64

    package init(id: EntryID, previous: EntryID, session: UInt64, lastTransaction: UInt64) {
      self.id = id
      self.previous = previous
      self.session = session
      self.lastTransaction = lastTransaction
    }
  }

  /// Whether the transaction ends with this object.
  package var isLastPart: Bool { part == parts }
  /// The place of an object with this header, unless it is a merged one.
  package var place: Place {
    Place(generation, transaction: transactions.lowerBound, part: part, previous: entry.previous)
  }
  package var endPosition: WALPosition {
    WALPosition(salt: walHeader.salt, frame: firstFrame + frameCount - 1, checksum: end)
  }

  /// Returns whether it belongs to the same epoch of the log as another slice, and follows it.
  func continues(_ other: SliceHeader) -> Bool {
    walHeader == other.walHeader && firstFrame == other.firstFrame + other.frameCount && start == other.end
  }

  /// Reads the header at the start of an object, or of a later section of it.
  package init(_ bytes: [UInt8], at start: Int = 0, object: String) throws(FormatError) {
    guard start >= 0, start <= bytes.count - 16 else { throw FormatError(object, "cut short") }
    let bytes = Array(bytes[start..<min(start + Self.most, bytes.count)])
    guard bytes.starts(with: Self.magic) else { throw FormatError(object, "not a WAL slice") }
    guard bytes[8] == Self.version else {
      throw FormatError(object, "written by another version of this program")
    }
    guard bytes.count >= Int(bytes[9]) else { throw FormatError(object, "cut short") }
    guard let header = SliceHeader(fields: bytes), header.isSensible else {
      throw FormatError(object, "its header is damaged")
    }
    self = header
  }

  /// Returns whether its numbers are possible in a slice and fit each other.
  private var isSensible: Bool {
    guard transactions.lowerBound > 0, transactions.upperBound <= Bounds.lastTransaction, part >= 1,
      part <= parts, parts <= Int(UInt16.max), firstFrame >= 1, frameCount >= 1,
      frameCount <= Self.mostFrames,
      generation.sequence <= Bounds.lastSequence, Bounds.times.contains(created),
      acknowledged <= Bounds.lastTransaction,
      entry.lastTransaction >= transactions.upperBound, entry.lastTransaction <= Bounds.lastTransaction,
      parts == 1 || entry.lastTransaction == transactions.lowerBound, (parts > 1) == (largestPage != nil)
    else { return false }
    let ended = part == parts ? transactions.upperBound - transactions.lowerBound + 1 : 0
    return UInt64(commitCount) == ended && commitCount <= frameCount
  }

  /// The maximum number of frames of a section: an object has some megabytes, and a frame takes at
  /// least one byte.
  private static let mostFrames = 8 << 20

  init(
    generation: GenerationID, transactions: ClosedRange<UInt64>, part: Int, parts: Int, walHeader: WALHeader,
    firstFrame: Int, frameCount: Int, commitCount: Int, start: WALChecksum, end: WALChecksum,
    previous: DatabaseState, acknowledged: UInt64, created: Int64, content: SliceContent, entry: Entry
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
    self.content = content
    self.entry = entry
  }
}

/// The streams after a slice's header, one after the other, and their hash.
struct SliceContent: Hashable, Sendable {
  /// Stored bytes of each stream.
  var sizes: [Int]
  /// Which of them are zstd frames: bit 0 is the first.
  var compressed: UInt8
  /// Bytes of the tables when they are not compressed.
  var tablesLength: Int

  /// Number of the stream that holds the tables: the last one.
  var tables: Int { sizes.count - 1 }

  /// Returns the bytes of a stream in an object whose content begins at `start`.
  func range(_ stream: Int, from start: Int) -> Range<Int> {
    let from = sizes[..<stream].reduce(start, +)
    return from..<from + sizes[stream]
  }

  func isCompressed(_ stream: Int) -> Bool { compressed & (1 << UInt8(stream)) != 0 }
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

  /// Returns the same commit in an object that has this number of frames before it.
  func shifted(by count: Int) -> SliceCommit {
    SliceCommit(frames: frames + count, time: time, state: state)
  }
}
