import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Turns commits of the log into entries: slices with their statements.
///
/// They go to the upload queue as they are sealed.
final class CommitEncoder {
  let settings: MirrorSettings
  let generation: GenerationID
  private let session: TurnRecord.Session
  /// Where the next entry is to stand.
  private(set) var place: Place
  /// Why the session's turn stands at `place`; nil if no turn is due any more.
  private var turn: String?
  private let pendingCommits: PendingCommits
  private let database: DatabaseFile
  private(set) var images: PageImages
  private var builder: SliceBuilder?
  /// What the open slice holds of epochs before the present one.
  private var sections = ClosedSections()
  private var statements: StatementBatchBuilder
  private var pending: PendingCommit?
  private var firstTime: Int64 = 0
  /// Times of commits always grow, whatever is done to the clock.
  private var lastTime: Int64

  /// Last transaction encoded, the database after it, and where in the log it ends.
  private(set) var transaction: UInt64
  private(set) var state: DatabaseState
  private(set) var position: WALPosition?
  /// Where the last transaction ends, if the log was restarted since too.
  private var endOfLast: WALPosition?
  /// When a slice was closed last; monotonic seconds.
  private var lastClosed = -Double.infinity
  /// Seconds within which epochs share a slice, where the log is restarted often.
  private static let sharedSeconds = 0.25
  /// Every transaction up to this one is stored, with a base before it; 0 until the base of a new generation is there.
  ///
  /// Entries say so to readers, who take it as proof that everything up to there was there. Parts of a large transaction are
  /// closed before the uploader asks for them, so it must hold from the beginning.
  var stored: UInt64
  private let queue: UploadQueue

  /// Sections of an object to be, one for each epoch.
  private struct ClosedSections {
    var sealed: [SealedSlice] = []
    var byteCount = 0
    var logBytes = 0
  }

  /// A commit of which some frames are encoded.
  private struct PendingCommit {
    let parts: Int
    /// The largest page number in it, or the size of the database after it if that is larger.
    let largestPage: UInt32
    var part = 1
    var frames = 0
    /// The pages of the transaction.
    var pages: [PageImages.Slot] = []
    /// Hashes of the images these replaced, combined.
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

  var isFull: Bool { queue.isFull }
  var hasOpenSlice: Bool { (builder?.commits.count ?? 0) > 0 || !sections.sealed.isEmpty }
  var isInsideCommit: Bool { pending != nil }
  /// Time of the oldest commit in the open slice; nil if there is none.
  var oldestOpenTime: Int64? { hasOpenSlice ? firstTime : nil }

  /// Gives up what was encoded and not taken; nothing can be encoded after.
  func discard() {
    queue.removeAll()
    builder = nil
    sections = ClosedSections()
    pending = nil
  }

  /// Closes the open slice, so that the next begins a new one.
  func closeSlice() { sealOpenSlice() }

  /// The log was restarted: the database file now holds all that was encoded.
  func beginEpoch(_ header: WALHeader) {
    // What it held is now only in memory and in the database file: it goes soon, but not in very many objects.
    let isBusy = Clock.monotonicSeconds - lastClosed < Self.sharedSeconds
    if isBusy, settings.durability == .async { closeSection() } else { sealOpenSlice() }
    if state.pages == 0 { state.pageSize = header.pageSize }
    position = WALPosition(startOf: header)
    images.beginEpoch()
  }

  // MARK: Frames

  /// Encodes a commit, or goes on with one begun before; false if `budget` (bytes) or a full queue ended it.
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

  /// Sums at the end of the frames encoded last.
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

  /// A function of its own: nobody else may hold the images when the new one takes its place.
  private func store(_ frame: WALFrame, _ chunk: FrameChunk, at index: Int, over image: Int?) -> Bool {
    guard let builder else { return false }
    return builder.add(frame, page: chunk.bytes, at: index, base: image.map { (images.arena, $0) })
  }

  // MARK: Commits

  private func finish(_ commit: LogCommit, tail: LogTail) throws {
    guard let pending else { return }
    let after = try stateAfter(commit, pending, tail: tail)
    let announcement = pendingCommits.take(frame: commit.end.frame)
    // Each has a time of its own, also while the clock is behind one that was set back.
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

  /// A time for the state as it is: what was committed is not after it, what will be is.
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
    // Frames of a commit that is not whole yet may stand in it already: then it waits for the rest.
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

  /// Ends what the open slice holds of the present epoch.
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

  /// Builds the entry of a slice, and before the session's first one its turn (rule 4).
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
    queue.append(entries + [slice])
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
