import Bytes
import Files
import ReplicaFormat
import WALFormat

/// Applies slices in order to a database in the making, and checks that each continues the one before.
final class SliceApplier {
  /// What was built.
  struct Outcome {
    let transaction: UInt64
    /// Time of that transaction, microseconds since 1970.
    let time: Int64
    let state: DatabaseState
    let frames: Int
  }

  private let base: BaseManifest
  private let pages: PageFile
  private var transaction: UInt64
  private var time: Int64
  private var state: DatabaseState
  private var frames = 0
  /// Where the last slice ended in the log; nil after a base.
  private var position: WALPosition?
  private var parts: (next: Int, of: Int)?
  /// Pages that slices wrote, and the combined hashes of their images in the base.
  private var touched: Set<UInt32> = []
  private var replaced = Hash128.zero

  init(base: BaseManifest, file: File) {
    self.base = base
    pages = PageFile(file, pageSize: base.state.pageSize)
    transaction = base.transaction
    time = base.time
    state = base.state
  }

  /// Applies the commits of a slice up to a transaction and a time; false where one of them ended it.
  func apply(_ slice: SliceReader, object: String, upTo last: UInt64, time limit: Int64?) throws -> Bool {
    try check(slice.header, object: object)
    for commit in slice.commits {
      if transaction == last { return false }
      if let limit, commit.time > limit { return false }
      while slice.frameIndex < commit.frames { try applyFrame(slice) }
      transaction += 1
      time = commit.time
      state = commit.state
    }
    if slice.header.part < slice.header.parts {
      while slice.nextPage != nil { try applyFrame(slice) }
    } else if slice.nextPage != nil {
      throw FormatError(object, "frames follow its last commit")
    }
    position = slice.header.endPosition
    return true
  }

  /// A slice must begin with the very state that the one before ended with.
  private func check(_ header: SliceHeader, object: String) throws {
    guard header.generation == base.generation, header.transactions.lowerBound == transaction + 1 else {
      throw FormatError(object, "its header does not fit its name")
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

  private func applyFrame(_ slice: SliceReader) throws {
    guard let page = slice.nextPage else { return }
    let isNew = !touched.contains(page)
    var before: (bytes: [UInt8], index: Int)?
    if slice.nextNeedsBase || isNew && page <= base.state.pages { before = try pages.image(page) }
    if isNew {
      touched.insert(page)
      if page <= base.state.pages, let before {
        replaced ^= PageHash.of(page, before.bytes, at: before.index, pageSize: state.pageSize)
      }
    }
    let frame = try slice.next(base: slice.nextNeedsBase ? before : nil)
    try pages.set(page, frame, at: WALFrame.headerSize)
    frames += 1
  }

  /// Writes what is still in memory, gives the file its length, and proves that it is the database mirrored.
  func finish() throws -> Outcome {
    let size = state.pageSize
    var checksum = base.state.checksum ^ replaced
    for page in touched where page <= state.pages {
      let image = try pages.image(page)
      checksum ^= PageHash.of(page, image.bytes, at: image.index, pageSize: size)
    }
    if state.pages < base.state.pages {
      for page in state.pages + 1...base.state.pages where !touched.contains(page) {
        let image = try pages.image(page)
        checksum ^= PageHash.of(page, image.bytes, at: image.index, pageSize: size)
      }
    }
    guard checksum == state.checksum else {
      throw RestoreError(
        .hole, "restore transaction \(transaction): the pages are not those of the database that was mirrored"
      )
    }
    try pages.flush(pages: state.pages)
    try pages.file.truncate(to: Int(state.pages) * size)
    return Outcome(transaction: transaction, time: time, state: state, frames: frames)
  }
}
