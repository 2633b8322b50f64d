import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Where the newest image of each page is: in the log, or in the database file as it was when the epoch began.
struct PageImages {
  /// What is known of a page; `Slot` is its number in `entries`.
  private struct Entry {
    let page: UInt32
    /// 0 where the log does not hold it.
    var frame: Int32 = 0
    /// Differences since the page was last stored whole.
    var chain: Int32 = 0
    /// Where its newest image begins in `arena`, where `round` is the present one.
    var image = 0
    var round: UInt32 = 0
    /// Of its newest image, as far as that was looked at.
    var hash = Hash128.zero
    /// The transaction that wrote it last.
    var transaction: UInt64 = 0
  }
  typealias Slot = Int

  private var slots: [UInt32: Slot] = [:]
  private var entries: [Entry] = []
  /// Newest images of pages written not long ago, one after the other.
  ///
  /// Once it is full a new round begins.
  private(set) var arena: [UInt8] = []
  private var arenaEnd = 0
  private var round: UInt32 = 1
  private static let arenaBytes = 8 << 20

  /// Newest frame of each page in the log.
  var frames: [UInt32: Int] {
    var frames: [UInt32: Int] = [:]
    for entry in entries where entry.frame > 0 { frames[entry.page] = Int(entry.frame) }
    return frames
  }

  /// Notes frames that were stored by an earlier run of the program.
  init(_ commits: some Sequence<LogCommit> = []) {
    for commit in commits {
      for (index, frame) in commit.frames.enumerated() {
        note(slot(of: frame.page), frame: commit.start.frame + index + 1, isDelta: false)
      }
    }
  }

  /// The log was restarted: the database file holds the newest images now, which are what they were.
  mutating func beginEpoch() {
    let held = entries.filter { $0.round == round }
    entries.removeAll(keepingCapacity: held.count * 4 > entries.capacity)
    slots.removeAll(keepingCapacity: true)
    for var entry in held {
      entry.frame = 0
      entry.chain = 0
      slots[entry.page] = entries.count
      entries.append(entry)
    }
  }

  /// The place of a page's entry, for as long as the epoch lasts.
  mutating func slot(of page: UInt32) -> Slot {
    if let slot = slots[page] { return slot }
    slots[page] = entries.count
    entries.append(Entry(page: page))
    return entries.count - 1
  }

  /// Notes the page's newest frame.
  mutating func note(_ slot: Slot, frame: Int, isDelta: Bool) {
    entries[slot].chain = isDelta ? entries[slot].chain + 1 : 0
    entries[slot].frame = Int32(frame)
  }

  /// Whether the page may be stored as a difference once more.
  func mayChain(_ slot: Slot, limit: Int) -> Bool { entries[slot].chain < limit }

  /// Whether a transaction wrote the page, and notes that it does.
  mutating func isFirst(_ slot: Slot, in transaction: UInt64) -> Bool {
    defer { entries[slot].transaction = transaction }
    return entries[slot].transaction != transaction
  }

  func isWritten(_ page: UInt32, in transaction: UInt64) -> Bool {
    slots[page].map { entries[$0].transaction == transaction } ?? false
  }

  func page(_ slot: Slot) -> UInt32 { entries[slot].page }
  /// Hash of the image that was kept or loaded last.
  func hash(_ slot: Slot) -> Hash128 { entries[slot].hash }

  /// Where in `arena` the newest image of a page begins.
  mutating func load(_ slot: Slot, tail: LogTail, database: DatabaseFile) throws -> Int {
    let entry = entries[slot]
    if entry.round == round { return entry.image }
    let size = tail.header.pageSize
    let bytes =
      entry.frame > 0
      ? try tail.page(ofFrame: Int(entry.frame))
      : try database.read(at: Int64(entry.page - 1) * Int64(size), count: size)
    keep(slot, bytes, at: 0, pageSize: size)
    return entries[slot].image
  }

  /// Keeps the image of a page that stands at `index` of `bytes`, and its hash.
  mutating func keep(_ slot: Slot, _ bytes: [UInt8], at index: Int, pageSize: Int) {
    if entries[slot].round != round { place(slot, pageSize: pageSize) }
    Kernels.copy(into: &arena, at: entries[slot].image, from: bytes, at: index, count: pageSize)
    entries[slot].hash = PageHash.of(entries[slot].page, bytes, at: index, pageSize: pageSize)
  }

  private mutating func place(_ slot: Slot, pageSize: Int) {
    if arenaEnd + pageSize > Self.arenaBytes {
      arenaEnd = 0
      round += 1
    }
    if arenaEnd + pageSize > arena.count {
      // Address space at once, memory as it is used: to grow, it would be copied.
      if arena.isEmpty { arena.reserveCapacity(Self.arenaBytes) }
      let more = min(max(16 * pageSize, 1 << 16), Self.arenaBytes - arena.count)
      arena += [UInt8](repeating: 0, count: max(more, pageSize))
    }
    entries[slot].image = arenaEnd
    entries[slot].round = round
    arenaEnd += pageSize
  }
}

/// Consecutive frames as they stand in the log.
struct FrameChunk {
  /// At least those of the frames.
  var bytes: [UInt8]
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
