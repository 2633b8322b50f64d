import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Finds the newest image of each page: in the log, or in the database file at the epoch's
/// beginning.
struct PageImages {
  /// The facts about a page; `Slot` is its index in `entries`.
  private struct Entry {
    let page: UInt32
    /// 0 if the log does not hold the page.
    var frame: Int32 = 0
    /// Differences since the page was last stored whole.
    var chain: Int32 = 0
    /// The index of its newest image in `arena`, if `round` is the current one.
    var image = 0
    var round: UInt32 = 0
    /// The hash of its newest image, if that was computed.
    var hash = Hash128.zero
    /// The last transaction that wrote the page.
    var transaction: UInt64 = 0
  }
  typealias Slot = Int

  private var slots: [UInt32: Slot] = [:]
  private var entries: [Entry] = []
  /// Newest images of recently written pages, one after the other.
  ///
  /// When it is full, a new round begins.
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

  /// Notes frames that an earlier run of the program stored.
  init(_ commits: some Sequence<LogCommit> = []) {
    for commit in commits {
      for (index, frame) in commit.frames.enumerated() {
        note(slot(of: frame.page), frame: commit.start.frame + index + 1, isDelta: false)
      }
    }
  }

  /// Follows a restart of the log: the database file now holds the newest images, unchanged.
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

  /// Drops the images; they are read again when they are needed.
  mutating func trim() {
    arena = []
    arenaEnd = 0
    round += 1
  }

  /// Returns the index of a page's entry, which is valid for the whole epoch.
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

  /// Returns whether the page may be stored as a difference once more.
  func mayChain(_ slot: Slot, limit: Int) -> Bool { entries[slot].chain < limit }

  /// Notes that a transaction writes the page; returns whether it is the first time.
  mutating func isFirst(_ slot: Slot, in transaction: UInt64) -> Bool {
    defer { entries[slot].transaction = transaction }
    return entries[slot].transaction != transaction
  }

  func isWritten(_ page: UInt32, in transaction: UInt64) -> Bool {
    slots[page].map { entries[$0].transaction == transaction } ?? false
  }

  func page(_ slot: Slot) -> UInt32 { entries[slot].page }
  /// Returns the hash of the last image that was kept or loaded.
  func hash(_ slot: Slot) -> Hash128 { entries[slot].hash }

  /// Loads the newest image of a page, and returns its index in `arena`.
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

  /// Keeps the image of a page at `index` of `bytes`, and its hash.
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
      // This reserves addresses only, and memory when it is used. To grow the array would copy it.
      if arena.isEmpty { arena.reserveCapacity(Self.arenaBytes) }
      let more = min(max(16 * pageSize, 1 << 16), Self.arenaBytes - arena.count)
      arena += [UInt8](repeating: 0, count: max(more, pageSize))
    }
    entries[slot].image = arenaEnd
    entries[slot].round = round
    arenaEnd += pageSize
  }
}

/// Consecutive frames, as in the log.
struct FrameChunk {
  /// The bytes of the frames, and perhaps more.
  var bytes: [UInt8]
  let first: Int
  let count: Int
  let frameSize: Int

  /// Returns the index of a frame's page in `bytes`; nil if the chunk does not hold the frame.
  func pageIndex(ofFrame frame: Int) -> Int? {
    guard frame >= first, frame < first + count else { return nil }
    return (frame - first) * frameSize + WALFrame.headerSize
  }

  /// Returns SQLite's checksums after a frame of the chunk.
  func checksum(ofFrame frame: Int) -> WALChecksum {
    WALChecksum(at: (frame - first) * frameSize + 16, in: bytes)
  }
}
