import Bytes
import Files
import ReplicaFormat
import WALFormat

/// Applies slices in order to the new database, and checks that each continues the one before.
final class SliceApplier {
  /// The state after the applied slices.
  struct Outcome {
    let transaction: UInt64
    /// Time of that transaction, microseconds since 1970.
    let time: Int64
    let state: DatabaseState
    let frames: Int
    let point: ChainPoint
  }

  private let base: ChainPoint
  private let pages: any PageStore
  private(set) var transaction: UInt64
  private(set) var time: Int64
  private(set) var state: DatabaseState
  /// The entry that the last transaction came with.
  private var id: EntryID
  private var frames = 0
  /// The end of the last slice in the log; nil after a base.
  private var position: WALPosition?
  /// Whether no transaction is applied in part.
  private(set) var isBetweenTransactions = true
  /// Pages that slices wrote, and the combined hashes of their images in the base.
  private var touched = PageSet()
  private var replaced = Hash128.zero
  /// The number of pages past every known size that a frame may write: a transaction may have been
  /// larger meanwhile.
  private static let slack: UInt32 = 1 << 20
  /// The largest page number in the current slice's header.
  private var largestPage: UInt32 = 0
  /// Called for each applied commit, with the position in the log at which it ends.
  var commitDidApply:
    ((_ transaction: UInt64, _ commit: SliceCommit, _ end: (salt: WALSalt, frame: Int)) throws -> Void)?

  /// Begins with a base that a file holds.
  convenience init(base: BaseManifest, file: File) {
    self.init(
      from: ChainPoint(
        generation: base.generation, transaction: base.transaction, id: base.name.id, time: base.time,
        state: base.state),
      pages: PageFile(file, pageSize: base.state.pageSize))
  }

  /// Begins with pages that are the state after some transaction.
  init(from point: ChainPoint, pages: any PageStore) {
    base = point
    self.pages = pages
    transaction = point.transaction
    time = point.time
    state = point.state
    position = point.position
    id = point.id
  }

  /// The current state.
  var point: ChainPoint {
    ChainPoint(
      generation: base.generation, transaction: transaction, id: id, time: time, state: state,
      position: position)
  }

  /// Takes the next slice.
  ///
  /// It must begin with the state at the end of the one before, or hold that state.
  func begin(_ slice: SliceReader, object: String) throws {
    let header = slice.header
    guard header.generation == base.generation, header.transactions.lowerBound <= transaction + 1 else {
      throw FormatError(object, "its header does not fit its name")
    }
    largestPage = header.largestPage ?? 0
    guard header.transactions.lowerBound == transaction + 1 else {
      return try beginWithin(slice, object: object)
    }
    guard header.previous == state else {
      throw FormatError(
        object, "it does not continue transaction \(transaction): another database state comes before it")
    }
    if let position, position.salt == header.walHeader.salt {
      guard header.firstFrame == position.frame + 1, header.start == position.checksum else {
        throw FormatError(object, "it does not continue the log before it")
      }
    } else if position != nil, header.firstFrame != 1 {
      throw FormatError(object, "it does not begin with the first frame of its log")
    }
  }

  /// Skips transactions of a merged object that are applied already: its tail counts (rule 12 of
  /// `Docs/Protocol.md`).
  private func beginWithin(_ slice: SliceReader, object: String) throws {
    let count = Int(clamping: transaction - slice.header.transactions.lowerBound) + 1
    guard count < slice.commits.count, slice.commits[count - 1].state == state else {
      throw FormatError(
        object, "it does not continue transaction \(transaction): another database state comes before it")
    }
    let end = slice.end(ofCommit: count - 1)
    if let position {
      guard position.salt == end.salt, position.frame == end.frame else {
        throw FormatError(object, "it does not continue the log before it")
      }
    }
    try slice.skip(commits: count, checksum: position?.checksum)
  }

  /// Applies the slice's commits up to a transaction; returns true if the slice is done.
  func advance(_ slice: SliceReader, object: String, upTo last: UInt64) throws -> Bool {
    let commits = slice.commits
    var index = commits.firstIndex { $0.frames > slice.frameIndex } ?? commits.count
    while index < commits.count {
      guard transaction < last else { return false }
      let commit = commits[index]
      while slice.frameIndex < commit.frames { try applyFrame(slice, object, size: commit.state.pages) }
      transaction += 1
      time = commit.time
      state = commit.state
      if let commitDidApply { try commitDidApply(transaction, commit, slice.end(ofCommit: index)) }
      index += 1
    }
    if slice.header.part < slice.header.parts {
      while slice.nextPage != nil { try applyFrame(slice, object, size: state.pages) }
    } else if slice.nextPage != nil {
      throw FormatError(object, "frames follow its last commit")
    }
    position = slice.endPosition
    isBetweenTransactions = slice.header.isLastPart
    if isBetweenTransactions { id = slice.header.entry.id }
    return true
  }

  private func applyFrame(_ slice: SliceReader, _ object: String, size: UInt32) throws {
    guard let page = slice.nextPage else { return }
    let bound = max(size, largestPage, state.pages, base.state.pages).addingReportingOverflow(Self.slack)
    guard bound.overflow || page <= bound.partialValue else {
      throw FormatError(object, "page \(page) is out of bounds")
    }
    let isNew = touched.insert(page) && page <= base.state.pages
    let needsBase = slice.nextNeedsBase
    let frame: [UInt8]
    if needsBase || isNew {
      frame = try pages.withImage(page) { bytes, index in
        if isNew { replaced ^= PageHash.of(page, bytes, at: index, pageSize: pages.pageSize) }
        return try slice.next(base: needsBase ? (bytes, index) : nil)
      }
    } else {
      frame = try slice.next(base: nil)
    }
    try pages.set(page, frame, at: WALFrame.headerSize)
    frames += 1
  }

  /// Proves that the pages are those of the mirrored database, and writes them all into the file.
  func settle() throws {
    let size = state.pageSize
    var checksum = base.state.checksum ^ replaced
    func take(_ page: UInt32) throws {
      checksum ^= try pages.withImage(page) { PageHash.of(page, $0, at: $1, pageSize: size) }
    }
    for page in touched.sorted where page <= state.pages { try take(page) }
    if state.pages < base.state.pages {
      for page in state.pages + 1...base.state.pages where !touched.contains(page) { try take(page) }
    }
    guard checksum == state.checksum else {
      throw RestoreError(
        .hole, "restore transaction \(transaction): the pages are not those of the database that was mirrored"
      )
    }
    // Bytes past the end may be the image that a later page is the difference from.
    try pages.flush(pages: .max)
  }

  /// Copies the current database into an empty file.
  func copy(to target: File) throws {
    try settle()
    guard let file = (pages as? PageFile)?.file else { return }
    let end = Int(state.pages) * state.pageSize
    let step = 4 << 20
    for start in stride(from: 0, to: end, by: step) {
      try target.write(file.read(at: start, count: min(step, end - start)), at: start)
    }
    try target.truncate(to: end)
  }

  /// Proves the database, and gives the file its length.
  func finish() throws -> Outcome {
    try settle()
    try (pages as? PageFile)?.file.truncate(to: Int(state.pages) * state.pageSize)
    return Outcome(transaction: transaction, time: time, state: state, frames: frames, point: point)
  }
}
