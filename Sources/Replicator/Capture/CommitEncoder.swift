import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Encodes commits of the log as entries: slices with their statements.
///
/// Sealed entries go to the upload queue. Callers hold the lock of `Capturer`.
final class CommitEncoder {
  let settings: MirrorSettings
  let generation: GenerationID
  private let session: TurnRecord.Session
  /// The place of the next entry.
  private(set) var place: Place
  /// The reason for the session's turn at `place`; nil if no turn is due any more.
  private var turn: String?
  private let pendingCommits: PendingCommits
  private let database: DatabaseFile
  private(set) var images: PageImages
  private var builder: SliceBuilder?
  /// The sections of the open slice from earlier epochs.
  private var sections = ClosedSections()
  private var statements: StatementBatchBuilder
  private var pending: PendingCommit?
  private var firstTime: Int64 = 0
  /// Times of commits always increase, even if the clock is set back.
  private var lastTime: Int64

  /// The last encoded transaction, the state after it, and its end in the log.
  private(set) var transaction: UInt64
  private(set) var state: DatabaseState
  private(set) var position: WALPosition?
  /// The end of the last transaction, kept after a restart of the log.
  private var endOfLast: WALPosition?
  /// The time when a slice was last closed; monotonic seconds.
  private var lastClosed = -Double.infinity
  /// Seconds within which epochs share a slice, if the log is restarted often.
  private static let sharedSeconds = 0.25
  /// The transaction up to which everything is stored, with a base before it.
  ///
  /// It is 0 until the base of a new generation is stored. Entries carry it, and readers take it as
  /// proof that everything up to it was stored. It must be right from the beginning, because parts
  /// of a large transaction are closed before the uploader asks for them.
  var stored: UInt64
  private let queue: UploadQueue
  /// Entries that are sealed and not in the queue yet.
  private var sealed: [PendingUpload] = []

  /// Closed sections of the open slice, one for each epoch.
  private struct ClosedSections {
    var sealed: [SealedSlice] = []
    var byteCount = 0
    var logBytes = 0
  }

  /// A commit of which some frames are encoded.
  private struct PendingCommit {
    let parts: Int
    /// The largest page number in it, or the size of the database after it, if larger.
    let largestPage: UInt32
    var part = 1
    var frames = 0
    /// The pages of the transaction.
    var pages: [PageImages.Slot] = []
    /// Combined hashes of the images that the new ones replace.
    var replaced = Hash128.zero
  }

  init(
    place: Place, turn: String?, transaction: UInt64, state: DatabaseState, time: Int64,
    position: WALPosition?, images: PageImages, database: DatabaseFile, pendingCommits: PendingCommits,
    settings: MirrorSettings, session: TurnRecord.Session, hasBase: Bool, queue: UploadQueue
  ) {
    self.queue = queue
    generation = place.generation
    self.place = place
    self.turn = turn
    self.session = session
    self.transaction = transaction
    self.state = state
    lastTime = time
    self.position = position
    endOfLast = position
    self.images = images
    self.database = database
    self.pendingCommits = pendingCommits
    self.settings = settings
    stored = hasBase ? transaction : 0
    statements = StatementBatchBuilder(generation: generation, session: session.number)
  }

  var isFull: Bool { queue.isFull(with: sealed.reduce(0) { $0 + $1.byteCount }) }
  var hasOpenSlice: Bool { (builder?.commits.count ?? 0) > 0 || !sections.sealed.isEmpty }
  var isInsideCommit: Bool { pending != nil }
  /// Time of the oldest commit in the open slice; nil if there is none.
  var oldestOpenTime: Int64? { hasOpenSlice ? firstTime : nil }

  /// Drops everything encoded that was not taken; nothing can be encoded afterwards.
  func discard() {
    queue.removeAll()
    sealed = []
    builder = nil
    sections = ClosedSections()
    pending = nil
  }

  /// Releases images of pages, which can be read again.
  func trim() { if pending == nil { images.trim() } }

  /// Closes the open slice, so that the next commit begins a new one.
  func closeSlice() {
    sealOpenSlice()
    release()
  }

  /// Hands sealed entries to the uploader: the log that they come from was intact.
  func release() {
    guard !sealed.isEmpty else { return }
    queue.append(sealed)
    sealed = []
  }

  /// Follows a restart of the log: the database file now holds everything encoded.
  func beginEpoch(_ header: WALHeader) {
    // The log no longer holds these frames. Send them soon, but not in very many objects.
    let isBusy = Clock.monotonicSeconds - lastClosed < Self.sharedSeconds
    if isBusy, settings.durability == .async { closeSection() } else { sealOpenSlice() }
    if state.pages == 0 { state.pageSize = header.pageSize }
    position = WALPosition(startOf: header)
    images.beginEpoch()
  }

  // MARK: Frames

  /// Encodes a commit, or continues one; returns false if `budget` (bytes) or a full queue ended
  /// it.
  func encode(_ commit: LogCommit, from tail: LogTail, budget: inout Int) throws -> Bool {
    let header = tail.header
    let perPart = max(settings.sliceBytes / header.pageSize, 1)
    let total = commit.frames.count
    if pending == nil {
      let open = (builder?.compressedCount ?? 0) + sections.byteCount
      if open > settings.sliceBytes / 2 || total > perPart { sealOpenSlice() }
      pending = PendingCommit(
        parts: max((total + perPart - 1) / perPart, 1),
        largestPage: commit.frames.reduce(commit.databaseSize) { max($0, $1.page) })
    }
    while let done = pending?.frames, done < total {
      guard budget > 0, !isFull else { return false }
      let partEnd = min((done / perPart + 1) * perPart, total)
      let count = min(partEnd - done, max((256 << 10) / header.frameSize, 1))
      let first = commit.start.frame + done + 1
      let chunk = try tail.frames(from: first, count: count)
      budget -= count * header.frameSize
      if builder == nil {
        let sums = done == 0 ? commit.start.checksum : partStart
        builder = SliceBuilder(
          walHeader: header, generation: generation, firstTransaction: transaction + 1,
          start: WALPosition(salt: header.salt, frame: first - 1, checksum: sums), previous: state)
        builder?.largestPage = pending?.largestPage
      }
      for index in 0..<count { try add(commit.frames[done + index], number: first + index, chunk, tail) }
      pending?.frames += count
      partStart = chunk.checksum(ofFrame: first + count - 1)
      if done + count == partEnd, partEnd < total { sealPart() }
    }
    try finish(commit, tail: tail)
    return true
  }

  /// Checksums after the last encoded frame.
  private var partStart = WALChecksum.zero

  private func add(_ frame: WALFrame, number: Int, _ chunk: FrameChunk, _ tail: LogTail) throws {
    guard let at = chunk.pageIndex(ofFrame: number) else { return }
    let slot = images.slot(of: frame.page)
    let isNew = images.isFirst(slot, in: transaction + 1)
    let isDelta: Bool
    // A page past the end of the database has no image before this transaction.
    if !isNew || frame.page <= state.pages {
      let image = try images.load(slot, tail: tail, database: database)
      if isNew { pending?.replaced ^= images.hash(slot) }
      isDelta = store(
        frame, chunk, at: at, over: images.mayChain(slot, limit: settings.chainLimit) ? image : nil)
    } else {
      isDelta = store(frame, chunk, at: at, over: nil)
    }
    if isNew { pending?.pages.append(slot) }
    images.note(slot, frame: number, isDelta: isDelta)
    images.keep(slot, chunk.bytes, at: at, pageSize: tail.header.pageSize)
  }

  /// Stores a page whole or as a difference.
  ///
  /// It is a separate function because nothing else may reference the images when the new one
  /// replaces the old one.
  private func store(_ frame: WALFrame, _ chunk: FrameChunk, at index: Int, over image: Int?) -> Bool {
    guard let builder else { return false }
    return builder.add(frame, page: chunk.bytes, at: index, base: image.map { (images.arena, $0) })
  }

  // MARK: Commits

  private func finish(_ commit: LogCommit, tail: LogTail) throws {
    guard let pending else { return }
    let after = try stateAfter(commit, pending, tail: tail)
    let announcement = pendingCommits.take(frame: commit.end.frame)
    // Each commit has its own time, even after the clock was set back.
    lastTime = max(lastTime + 1, announcement?.time ?? Clock.wallMicroseconds)
    if !hasOpenSlice { firstTime = lastTime }
    builder?.endCommit(time: lastTime, state: after, checksum: commit.end.checksum)
    transaction += 1
    state = after
    position = commit.end
    endOfLast = commit.end
    let group = announcement?.group ?? StatementGroup(barrier: "changed by another connection or process")
    statements.add(group, transaction: transaction, time: lastTime, end: commit.end)
    self.pending = nil
    if pending.parts > 1 { sealOpenSlice(part: pending.part, parts: pending.parts) }
    if statements.byteCount > settings.sliceBytes { sealOpenSlice() }
  }

  /// Returns a time for the current state: not before earlier commits, and not after later ones.
  func timeOfPresent() -> Int64 {
    lastTime = max(lastTime, Clock.wallMicroseconds)
    return lastTime
  }

  private func stateAfter(_ commit: LogCommit, _ pending: PendingCommit, tail: LogTail) throws
    -> DatabaseState
  {
    var checksum = state.checksum ^ pending.replaced
    let size = tail.header.pageSize
    let pages = commit.databaseSize
    var grown = 0
    for slot in pending.pages {
      let page = images.page(slot)
      guard page <= pages else { continue }
      checksum ^= images.hash(slot)
      if page > state.pages { grown += 1 }
    }
    if pages < state.pages {
      for page in pages + 1...state.pages where !images.isWritten(page, in: transaction + 1) {
        let slot = images.slot(of: page)
        _ = try images.load(slot, tail: tail, database: database)
        checksum ^= images.hash(slot)
      }
    } else {
      let lock = PageHash.lockPage(pageSize: size)
      let isWritten = images.isWritten(lock, in: transaction + 1)
      let skipped = lock > state.pages && lock <= pages && !isWritten ? 1 : 0
      guard grown + skipped == Int(pages - state.pages) else {
        throw MirrorError(.hole, "a commit made the database longer without writing its new pages")
      }
    }
    return DatabaseState(pageSize: size, pages: pages, checksum: checksum)
  }

  // MARK: Slices

  private func sealPart() {
    guard let pending, let part = builder else { return }
    part.endPart(checksum: partStart)
    let section = part.close(
      transactions: transaction + 1...transaction + 1, part: pending.part, parts: pending.parts,
      created: Clock.wallMicroseconds)
    push([section], isPart: true, isPartial: true, logBytes: part.byteCount)
    self.pending?.part += 1
    builder = nil
  }

  private func sealOpenSlice(part: Int = 1, parts: Int = 1) {
    // The open slice may already hold frames of an incomplete commit: then wait for the rest.
    guard pending == nil, hasOpenSlice else { return }
    lastClosed = Clock.monotonicSeconds
    if parts == 1 {
      closeSection()
      let closed = sections
      sections = ClosedSections()
      return push(closed.sealed, isPart: false, isPartial: false, logBytes: closed.logBytes)
    }
    guard let open = builder else { return }
    let section = open.close(part: part, parts: parts, created: Clock.wallMicroseconds)
    builder = nil
    push([section], isPart: true, isPartial: false, logBytes: open.byteCount)
  }

  /// Closes the open slice's section of the current epoch.
  private func closeSection() {
    guard pending == nil, let open = builder, !open.commits.isEmpty else { return }
    let section = open.close(created: Clock.wallMicroseconds)
    sections.sealed.append(section)
    sections.byteCount += section.count
    sections.logBytes += open.byteCount
    builder = nil
  }

  private func sealStatements() -> (transactions: ClosedRange<UInt64>, bytes: [UInt8])? {
    defer { statements = StatementBatchBuilder(generation: generation, session: session.number) }
    return statements.seal()
  }

  /// Builds the entry of a slice, with the session's turn before its first entry (rule 4).
  private func push(_ sections: [SealedSlice], isPart: Bool, isPartial: Bool, logBytes: Int) {
    guard let first = sections.first, let last = sections.last else { return }
    var entries: [PendingUpload] = []
    if let turn {
      self.turn = nil
      entries.append(entry(turn: turn))
      place = entries[0].next
    }
    let id = EntryID.draw()
    let bytes = SealedSlice.object(
      sections, id: id, previous: place.previous, session: session.number, stored: stored)
    let batch = isPartial ? nil : sealStatements()
    let slice = PendingUpload(
      place: place, id: id, lastTransaction: transaction, state: state, position: endOfLast, bytes: bytes,
      batch: batch.map {
        PendingUpload.Batch(
          generation: generation, name: BatchName($0.transactions, id: id), bytes: $0.bytes)
      },
      firstTime: firstTime, lastTime: lastTime,
      transactions: first.transactions.lowerBound...last.transactions.upperBound, isPart: isPart,
      isPartial: isPartial, logBytes: logBytes)
    place = slice.next
    sealed += entries + [slice]
  }

  private func entry(turn reason: String) -> PendingUpload {
    let turn = TurnRecord(
      place: place, id: .draw(), session: session, time: Clock.wallMicroseconds, reason: reason)
    return PendingUpload(
      place: place, id: turn.id, lastTransaction: place.transaction - 1, state: state, position: endOfLast,
      bytes: turn.bytes, batch: nil, firstTime: firstTime, lastTime: firstTime, transactions: nil,
      isPart: false, isPartial: false, logBytes: 0)
  }
}
