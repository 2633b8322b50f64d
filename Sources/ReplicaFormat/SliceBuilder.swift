internal import Bytes
internal import Compression
package import WALFormat

/// Collects frames and commits, compresses them, and makes the bytes of a slice.
///
/// Belongs to one thread at a time.
package final class SliceBuilder {
  package let walHeader: WALHeader
  package let generation: GenerationID
  package let firstTransaction: UInt64
  package let firstFrame: Int
  package let start: WALChecksum
  package let previous: DatabaseState
  /// Set in a part of a transaction: readers need the size that the database will have.
  package var largestPage: UInt32?
  package private(set) var commits: [SliceCommit] = []
  package private(set) var frameCount = 0
  private var lastPage: UInt32 = 0
  /// Numbers and kinds of pages, and their differences.
  private let frames = ByteBuffer(capacity: 64)
  private let operations = ByteBuffer(capacity: 256)
  /// Operations of one page.
  private let working = ByteBuffer(capacity: 256)
  /// Indexed by `SliceStream`, without the tables.
  private let streams = [
    PackedStream(level: SliceBuilder.level), PackedStream(level: SliceBuilder.level), PackedStream(level: 3),
  ]
  private var end: WALChecksum

  /// The level for whole pages.
  ///
  /// Level 3 compresses no better: matches are rows, and short ones cost more than they save.
  private static let level: Int32 = 2

  /// Bytes of pages collected so far, and their approximate size when compressed.
  package var byteCount: Int { frameCount * walHeader.pageSize }
  package var compressedCount: Int { streams.reduce(operations.count) { $0 + $1.count } }
  package var lastTransaction: UInt64 { firstTransaction + UInt64(commits.count) - 1 }

  package init(
    walHeader: WALHeader, generation: GenerationID, firstTransaction: UInt64, start: WALPosition,
    previous: DatabaseState
  ) {
    self.walHeader = walHeader
    self.generation = generation
    self.firstTransaction = firstTransaction
    firstFrame = start.frame + 1
    self.start = start.checksum
    end = start.checksum
    self.previous = previous
  }

  /// Adds the frame whose page is at `index` of `bytes`; with `base`, as the difference from that
  /// image.
  ///
  /// Returns whether it was stored as a difference: a page that has little in common with its image
  /// before is stored whole.
  @discardableResult
  package func add(
    _ frame: WALFrame, page bytes: [UInt8], at index: Int, base: (bytes: [UInt8], index: Int)?
  ) -> Bool {
    let size = walHeader.pageSize
    if let base, addDifference(frame.page, .difference, bytes, at: index, from: base, limit: size - size / 4)
    {
      return true
    }
    addWhole(frame.page, bytes, at: index)
    return false
  }

  private func addWhole(_ page: UInt32, _ bytes: [UInt8], at index: Int) {
    let kind = FrameKind(ofPage: bytes[index])
    note(page, kind)
    streams[kind.stream.rawValue].append(bytes, index..<index + walHeader.pageSize)
  }

  private func addDifference(
    _ page: UInt32, _ kind: FrameKind, _ bytes: [UInt8], at index: Int,
    from base: (bytes: [UInt8], index: Int),
    limit: Int
  ) -> Bool {
    let literals = streams[SliceStream.literals.rawValue]
    working.removeAll()
    guard
      let count = PageDifference.append(
        bytes, at: index, from: base.bytes, at: base.index, count: walHeader.pageSize, limit: limit,
        moves: kind == .difference, operations: working, literals: literals.buffer)
    else { return false }
    literals.settle()
    note(page, kind)
    operations.append(varint: UInt64(count))
    operations.append(working)
    return true
  }

  private func note(_ page: UInt32, _ kind: FrameKind) {
    SliceTables.append(page: page, after: lastPage, kind, to: frames)
    lastPage = page
    frameCount += 1
  }

  /// Makes a builder that begins at the beginning of another slice.
  convenience init(continuing header: SliceHeader) {
    self.init(
      walHeader: header.walHeader, generation: header.generation,
      firstTransaction: header.transactions.lowerBound,
      start: WALPosition(salt: header.walHeader.salt, frame: header.firstFrame - 1, checksum: header.start),
      previous: header.previous)
  }

  /// Adds a frame with a whole page.
  func addStored(_ page: UInt32, _ bytes: [UInt8]) { addWhole(page, bytes, at: 0) }

  /// Adds a frame with a difference: its operations and literals.
  func addStored(
    _ page: UInt32, _ kind: FrameKind, operations bytes: [UInt8], _ range: Range<Int>, literals: [UInt8],
    count: Int
  ) {
    note(page, kind)
    operations.append(bytes[range])
    streams[SliceStream.literals.rawValue].append(literals, 0..<count)
  }

  /// Ends a transaction with the frame added last.
  package func endCommit(time: Int64, state: DatabaseState, checksum: WALChecksum) {
    commits.append(SliceCommit(frames: frameCount, time: time, state: state))
    end = checksum
  }

  /// Ends this part of a transaction; the next part continues it.
  package func endPart(checksum: WALChecksum) { end = checksum }

  /// Ends the slice, or a section of it: header, streams, and a hash of these.
  ///
  /// The builder must not be used again. `transactions` is needed for parts, which need not hold a
  /// commit.
  package func close(
    transactions: ClosedRange<UInt64>? = nil, part: Int = 1, parts: Int = 1, created: Int64
  ) -> SealedSlice {
    SliceTables.append(commits: commits, created: created, previousPages: previous.pages, to: frames)
    frames.append(operations)
    let tables = PackedStream()
    let tablesLength = frames.count
    tables.buffer.append(frames)
    var content = SliceContent(sizes: [], compressed: 0, tablesLength: tablesLength)
    var streams: [UInt8] = []
    for (number, stream) in (self.streams + [tables]).enumerated() {
      let (bytes, isCompressed) = stream.finish()
      content.sizes.append(bytes.count)
      if isCompressed { content.compressed |= 1 << UInt8(number) }
      if streams.isEmpty { streams = bytes } else { streams += bytes }
    }
    let hash = Hash128(streams, 0..<streams.count)
    streams.appendLittleEndian(hash.low)
    streams.appendLittleEndian(hash.high)
    let transactions = transactions ?? firstTransaction...lastTransaction
    var header = SliceHeader(
      generation: generation, transactions: transactions, part: part,
      parts: parts, walHeader: walHeader, firstFrame: firstFrame, frameCount: frameCount,
      commitCount: commits.count, start: start, end: end, previous: previous, acknowledged: 0,
      created: created, content: content,
      entry: SliceHeader.Entry(
        id: .none, previous: .none, session: 0, lastTransaction: transactions.upperBound))
    if parts > 1 { header.largestPage = largestPage }
    return SealedSlice(header: header, streams: streams)
  }
}

/// A slice, or a section of one.
package struct SealedSlice: Sendable {
  private let header: SliceHeader
  /// The streams with their hash.
  private let streams: [UInt8]

  init(header: SliceHeader, streams: [UInt8]) {
    self.header = header
    self.streams = streams
  }

  package var transactions: ClosedRange<UInt64> { header.transactions }
  package var part: Int { header.part }
  /// The approximate size in an object.
  package var count: Int { streams.count + 100 }

  /// Joins consecutive sections into an object.
  ///
  /// `stored` is the last transaction up to which everything is stored now.
  package static func object(
    _ sections: [SealedSlice], id: EntryID, previous: EntryID, session: UInt64, stored: UInt64
  ) -> [UInt8] {
    let entry = SliceHeader.Entry(
      id: id, previous: previous, session: session,
      lastTransaction: sections.last?.header.transactions.upperBound ?? 0)
    var object: [UInt8] = []
    object.reserveCapacity(sections.reduce(0) { $0 + $1.count })
    for section in sections {
      var header = section.header
      header.acknowledged = stored
      header.entry = entry
      object += header.bytes
      object += section.streams
    }
    return object
  }
}
