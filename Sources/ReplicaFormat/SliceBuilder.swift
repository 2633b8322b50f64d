internal import Bytes
internal import Compression
package import WALFormat

/// Collects frames and commits, compressing as it goes, and makes the bytes of a slice of them.
///
/// Belongs to one thread at a time.
package final class SliceBuilder {
  package let walHeader: WALHeader
  package let generation: GenerationID
  package let firstTransaction: UInt64
  package let firstFrame: Int
  package let start: WALChecksum
  package let previous: DatabaseState
  package private(set) var commits: [SliceCommit] = []
  private var frames: [UInt8] = []
  private var encodings: [UInt8] = []
  private let pages = ZstandardWriter()
  private var page: [UInt8]
  private var end: WALChecksum

  package var frameCount: Int { encodings.count }
  /// Bytes of pages collected so far, and about what they take compressed.
  package var byteCount: Int { encodings.count * walHeader.pageSize }
  package var compressedCount: Int { pages.count }
  package var lastTransaction: UInt64 { firstTransaction + UInt64(commits.count) - 1 }

  /// How the page of a frame is stored.
  enum Encoding: UInt8 { case full = 0, delta = 1 }

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
    page = [UInt8](repeating: 0, count: walHeader.pageSize)
  }

  /// Adds the frame whose page stands at `index` of `bytes`; with `base`, as its difference from that image.
  package func add(
    _ frame: WALFrame, page bytes: [UInt8], at index: Int, base: [UInt8]?
  ) {
    frames.appendLittleEndian(frame.page)
    encodings.append((base == nil ? Encoding.full : .delta).rawValue)
    let size = walHeader.pageSize
    guard let base else { return pages.append(bytes, index..<index + size) }
    Kernels.copy(into: &page, at: 0, from: bytes, at: index, count: size)
    Kernels.xor(into: &page, at: 0, from: base, at: 0, count: size)
    pages.append(page, 0..<size)
  }

  /// A builder that begins where another slice does.
  convenience init(continuing header: SliceHeader) {
    self.init(
      walHeader: header.walHeader, generation: header.generation,
      firstTransaction: header.transactions.lowerBound,
      start: WALPosition(salt: header.walHeader.salt, frame: header.firstFrame - 1, checksum: header.start),
      previous: header.previous)
  }

  /// Whether a slice follows in the same epoch of the log.
  func isContinued(by header: SliceHeader) -> Bool {
    header.walHeader == walHeader && header.firstFrame == firstFrame + frameCount && header.start == end
  }

  /// Adds a frame as another slice stores it.
  func addStored(_ page: UInt32, _ bytes: [UInt8], at index: Int, isDelta: Bool) {
    frames.appendLittleEndian(page)
    encodings.append((isDelta ? Encoding.delta : .full).rawValue)
    pages.append(bytes, index..<index + walHeader.pageSize)
  }

  /// Ends a transaction with the frame added last.
  package func endCommit(time: Int64, state: DatabaseState, checksum: WALChecksum) {
    commits.append(SliceCommit(frames: frameCount, time: time, state: state))
    end = checksum
  }

  /// Ends this part of a transaction that goes on in the next part.
  package func endPart(checksum: WALChecksum) { end = checksum }

  /// The object: header, compressed pages, compressed tables, hash of both.
  ///
  /// The builder is then spent.
  ///
  /// `transactions` is needed for parts, which need not hold a commit.
  package func seal(
    transactions: ClosedRange<UInt64>? = nil, part: Int = 1, parts: Int = 1, acknowledged: UInt64,
    created: Int64
  ) -> (name: SliceName, bytes: [UInt8]) {
    let pages = pages.finish()
    let tables = Zstandard.compress(tables)
    let header = SliceHeader(
      generation: generation, transactions: transactions ?? firstTransaction...lastTransaction, part: part,
      parts: parts, walHeader: walHeader, firstFrame: firstFrame, frameCount: frameCount,
      commitCount: commits.count, start: start, end: end, previous: previous, acknowledged: acknowledged,
      created: created, pagesSize: pages.count, tablesSize: tables.count)
    var object = header.bytes
    object.reserveCapacity(object.count + pages.count + tables.count + 16)
    object += pages
    object += tables
    let hash = Hash128(object, SliceHeader.size..<object.count)
    object.appendLittleEndian(hash.low)
    object.appendLittleEndian(hash.high)
    return (header.name, object)
  }

  /// Page numbers, encodings, commits: each column by itself, so that like stands beside like.
  private var tables: [UInt8] {
    var tables = frames
    tables += encodings
    for commit in commits { tables.appendLittleEndian(UInt32(commit.frames)) }
    for commit in commits { tables.appendLittleEndian(commit.state.pages) }
    for commit in commits { tables.appendLittleEndian(commit.time) }
    for commit in commits {
      tables.appendLittleEndian(commit.state.checksum.low)
      tables.appendLittleEndian(commit.state.checksum.high)
    }
    return tables
  }
}
