import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import WALFormat

/// Finds the position at which a session continues.
///
/// It reads the tip of the replica, finds that in the local database, and asks `ResumeDecision`.
/// Called on the capturing thread.
struct SessionStart {
  let store: MeteredStore
  let settings: MirrorSettings
  let capturer: Capturer
  let queue: UploadQueue
  let progress: Progress
  let position: PositionFile
  let lease: Lease
  /// Whether the database was empty when it was opened.
  let wasEmpty: Bool
  /// The end of the log when the guard first held it.
  let from: WALPosition?
  /// The time when the database was opened; microseconds since 1970.
  let began: Int64

  /// The facts with which a session begins.
  private struct Start {
    /// The place of the session's first entry.
    let place: Place
    let transaction: UInt64
    let state: DatabaseState
    let position: WALPosition?
    let taken: [LogCommit]
    let following: [LogCommit]
    /// The generation that begins; nil if an old one continues.
    let opening: GenerationOpener.Opening?
  }

  /// A capture that is ready to begin, with its facts.
  struct Ready {
    let capture: Capture
    /// The end of the stored log.
    let tip: Progress.LogTip
    /// The last transaction of the base; 0 if that is not known.
    let baseTransaction: UInt64
    /// The last transaction up to which all statements are stored.
    let statements: UInt64
    /// The pending maintenance of the generation.
    let maintenance: Maintenance
    /// The generation that begins; nil if an old one continues.
    let opening: Opening?
    let stamp: PositionRecord.FileStamp?
    /// Whether SQLite's log holds commits that the replica has already.
    let hasTaken: Bool
  }

  /// A generation that begins, with the database of its base.
  struct Opening {
    let generation: GenerationOpener.Opening
    let record: GenerationRecord
    let pages: Snapshot
    let state: DatabaseState
    let time: Int64
    /// The content of the generation before it, if that was listed: a fork leaves no gap of
    /// statements.
    let before: Maintenance?
  }

  private var database: String { capturer.database }

  /// Reads the replica, and decides; returns nil if mirroring has ended meanwhile.
  ///
  /// `reason` requests a new generation. Throws `.refused` with the sentence of the table of
  /// starts.
  func find(_ slots: SlotLog, newGenerationBecause reason: String?) throws -> Ready? {
    let record = position.read().flatMap { $0.url == store.url ? $0 : nil }
    let reader = ChainTip(catalog: ReplicaCatalog(store))
    var found: ChainTip.Found?
    var witness: LeaseRecord?
    if reason != nil { found = ownTip() }
    if found == nil, let record, !settings.newGeneration { found = try reader.recorded(record) }
    if found == nil {
      witness = try lease.look(database: database, host: settings.host)
      found = try reader.read()
    }
    guard !progress.isStopped else { return nil }
    slots.begin(after: found?.tip.entries ?? [])
    // Marks of generations that a seal names (rule 11).
    for mark in found?.unmarked ?? [] { _ = try ReplicaCatalog(store).create(mark) }
    // The base holds the state at the start, however late the store answered.
    let time = max(reason == nil ? began : Clock.wallMicroseconds, found?.tip.time ?? 0)
    return try capturer.withLock { site in
      guard !site.isClosed else { return nil }
      return try prepare(
        site, found, record, witness: witness?.last, slots: slots, newGenerationBecause: reason, time: time)
    }
  }

  /// Returns this mirror's own tip, if it continues in a new generation.
  ///
  /// The seal then shows whether it still is the tip.
  private func ownTip() -> ChainTip.Found? {
    progress.withLock { progress in
      guard let tip = progress.tip, tip.place.generation == progress.openGeneration else { return nil }
      let known = ResumeDecision.Tip(
        place: tip.place, entries: tip.entries, transaction: tip.transaction, state: tip.state,
        time: tip.time, position: tip.position, keyID: store.encryption?.keyID, session: nil, writer: nil)
      return ChainTip.Found(tip: known, contents: nil, base: nil, chain: nil, unmarked: [])
    }
  }

  // MARK: The local database

  /// Finds the position in SQLite's log that continues the tip in the store.
  private func prepare(
    _ site: Capturer.Site, _ found: ChainTip.Found?, _ record: PositionRecord?, witness: Place?,
    slots: SlotLog, newGenerationBecause reason: String?, time: Int64
  ) throws -> Ready {
    // The guard first stands at the log's end when the session began; later it moves to the current
    // end.
    if reason != nil { try site.guardian.renew() }
    let logFile = try File(database + "-wal", .read)
    let tail = try LogTail(logFile, of: site.guardian.file)
    var commits = try tail?.scan(bytes: .max, limit: nil, all: true).commits ?? []
    let end = try self.end(of: tail, isFirst: reason == nil)
    let later = commits.filter { $0.end.frame > end }
    commits.removeAll { $0.end.frame > end }
    let size = try site.guardian.size()
    let snapshot = { (count: Int) -> Snapshot in
      Snapshot(
        file: site.guardian.file, log: logFile, header: tail?.header,
        frames: PageImages(commits[..<count]).frames, pageSize: size.pageSize,
        pages: count > 0 ? commits[count - 1].databaseSize : size.pages)
    }
    let stamp = try PositionRecord.FileStamp.settled(database)
    let local = LocalDatabase(
      log: commits, pageSize: size.pageSize, record: record, stamp: stamp, snapshot: snapshot)
    let start = try self.start(
      found, local, record, witness: witness, slots: slots, forced: reason, later: later)
    for commit in start.taken { _ = capturer.pendingCommits.take(frame: commit.end.frame) }
    let encoder = CommitEncoder(
      place: start.place, turn: start.opening == nil ? "a session begins" : nil,
      transaction: start.transaction, state: start.state, time: time, position: start.position,
      images: PageImages(start.taken), database: site.guardian.file, pendingCommits: capturer.pendingCommits,
      settings: settings, session: slots.session, hasBase: start.opening == nil, queue: queue)
    let capture = Capture(
      encoder: encoder, guardian: site.guardian, pendingCommits: capturer.pendingCommits, logFile: logFile,
      tail: tail, following: start.following)
    // The guard stands at this very place, so the log may be restarted here.
    capture.seal()
    if start.opening != nil { capture.pins += 1 }
    if let last = start.following.last(where: { $0.end.frame <= end }) {
      capture.unguarded = Capture.Unguarded(end: last.end.frame) {
        try PositionRecord.FileStamp.of(database) == stamp
      }
    }
    return ready(start, capture, found, record, slots, snapshot(start.taken.count), stamp, time)
  }

  private func ready(
    _ start: Start, _ capture: Capture, _ found: ChainTip.Found?, _ record: PositionRecord?,
    _ slots: SlotLog, _ pages: Snapshot, _ stamp: PositionRecord.FileStamp?, _ time: Int64
  ) -> Ready {
    let isOld = start.opening == nil
    let opening = start.opening.map { generation in
      Opening(
        generation: generation,
        record: GenerationRecord(
          generation: generation.generation, time: time, reason: generation.reason,
          seal: generation.seal?.place, writer: "\(slots.session.text)"),
        pages: pages, state: start.state, time: time, before: before(found))
    }
    let maintenance =
      isOld
      ? Maintenance.of(start.place.generation, found, record)
      : Maintenance(generation: start.opening?.generation)
    return Ready(
      capture: capture,
      tip: Progress.LogTip(
        transaction: start.transaction, state: start.state, position: start.position,
        time: isOld ? found?.tip.time ?? 0 : 0, place: start.place,
        entries: isOld ? found?.tip.entries ?? [] : []),
      baseTransaction: start.opening?.base.transaction ?? found?.base?.transaction ?? 0,
      statements: statements(start, found, record), maintenance: maintenance, opening: opening, stamp: stamp,
      hasTaken: !start.taken.isEmpty)
  }

  private func statements(_ start: Start, _ found: ChainTip.Found?, _ record: PositionRecord?) -> UInt64 {
    guard start.opening == nil else { return start.transaction }
    if let contents = found?.contents, let base = found?.base {
      return contents.batchesReach(from: base.transaction)
    }
    return record?.statements ?? start.transaction
  }

  /// Returns the content of the generation before a new one; nil if it was not listed.
  private func before(_ found: ChainTip.Found?) -> Maintenance? {
    guard let contents = found?.contents, let base = found?.base, let tip = found?.tip else { return nil }
    return Maintenance.of(contents, base, upTo: tip.transaction + 1)
  }

  /// Returns the last frame in a new base; later commits are captured one by one.
  private func end(of tail: LogTail?, isFirst: Bool) throws -> Int {
    guard let tail else { return 0 }
    if isFirst {
      // The log was restarted since, so the database file held everything at the start.
      return from?.salt == tail.header.salt ? from?.frame ?? 0 : 0
    }
    // An unannounced commit of the session is captured later.
    return capturer.pendingCommits.readLimit ?? .max
  }

  // MARK: The decision

  private func start(
    _ found: ChainTip.Found?, _ local: LocalDatabase, _ record: PositionRecord?, witness: Place?,
    slots: SlotLog, forced: String?, later: [LogCommit]
  ) throws -> Start {
    var match: LocalDatabase.Match?
    let decision: ResumeDecision
    if let forced {
      decision = .begin(reason: forced, isFork: false)
    } else {
      if let tip = found?.tip { match = try local.match(tip) }
      decision = ResumeDecision.of(
        try facts(found, local, record, witness: witness, isAtTip: match != nil))
    }
    switch decision {
    case .refuse(let message): throw MirrorError(.refused, message)
    case .goOn:
      guard let tip = found?.tip, let match else { throw MirrorError(.refused, "\(store.url) is not known") }
      return Start(
        place: tip.place, transaction: tip.transaction, state: tip.state, position: match.taken.last?.end,
        taken: match.taken, following: match.following + later, opening: nil)
    case .begin(let reason, let isFork):
      let opening = try GenerationOpener.Opening(
        after: found?.tip, because: reason, isFork: isFork, slots.session, store.url)
      return Start(
        place: opening.base.next(in: opening.generation), transaction: opening.base.transaction,
        state: try local.snapshot(local.log.count).state(), position: local.log.last?.end, taken: local.log,
        following: later, opening: opening)
    }
  }

  private func facts(
    _ found: ChainTip.Found?, _ local: LocalDatabase, _ record: PositionRecord?, witness: Place?,
    isAtTip: Bool
  ) throws -> ResumeDecision.Facts {
    var facts = ResumeDecision.Facts(path: database, url: store.url)
    facts.isOrdered = settings.newGeneration
    guard let found else {
      facts.loss = witness.map {
        "transaction \($0.transaction - 1) of generation \($0.generation) was stored, and no chain is left"
      }
      return facts
    }
    let tip = found.tip
    facts.tip = tip
    facts.wasEmpty = wasEmpty
    facts.keyID = store.encryption?.keyID
    facts.isAtTip = isAtTip
    facts.isSameFile =
      record.map { $0.identity == .of(database) && ($0.isSynced || $0.isAtRest) } ?? false
    facts.loss = found.loss
    facts.restored = settings.restored
    facts.writer = { ChainTip(catalog: ReplicaCatalog(store)).writer(tip) }
    facts.recorded = ResumeDecision.Recorded(
      record, witness: witness, tip: tip, found.contents, base: found.base)
    if !isAtTip, tip.state.pages > 1, !wasEmpty {
      let state = try local.snapshot(local.log.count).state()
      facts.earlier = try ChainTip(catalog: ReplicaCatalog(store)).transaction(of: state, in: found)
    }
    return facts
  }
}
