import Bytes
import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

extension Engine {
  /// Name of the record beside a database.
  static func recordPath(_ path: String) -> String { path + "-s3pos" }

  /// Where capturing begins.
  private struct Start {
    /// Where the session's first entry of a log stands.
    let place: Place
    let transaction: UInt64
    let state: DatabaseState
    let position: WALPosition?
    let taken: [LogCommit]
    let following: [LogCommit]
    /// The generation that begins; nil if an old one goes on.
    let opening: Opening?
  }

  /// A generation that begins: its seal in the one before, or none if it is the replica's first.
  struct Opening: Sendable {
    let generation: GenerationID
    let base: BaseName
    let seal: TurnRecord?
    let reason: String
    /// Whether it leaves transactions behind, by order.
    let isFork: Bool
  }

  /// Begins a session: finds where to go on, or begins a generation and has its base uploaded.
  ///
  /// `reason` asks for a new generation.
  func begin(newGenerationBecause reason: String?) throws {
    let slots = SlotLog(store, database: path, host: settings.host)
    self.slots.withLock { $0 = slots }
    let record = savedRecord.flatMap { $0.url == store.url ? $0 : nil }
    let reader = ChainTip(catalog: ReplicaCatalog(store))
    var found: ChainTip.Found?
    var lease: LeaseRecord?
    if reason != nil { found = ownTip(before: slots) }
    if found == nil, let record, !settings.newGeneration { found = try reader.recorded(record) }
    if found == nil {
      lease = try self.lease.look(database: path, host: settings.host)
      found = try reader.read()
    }
    guard !isStopped else { return }
    slots.begin(after: found?.tip.entries ?? [])
    try mark(found?.unmarked ?? [])
    // The state that the base holds is that of the beginning, whenever the store answered.
    let time = max(reason == nil ? began : Clock.wallMicroseconds, found?.tip.time ?? 0)
    let ready: Ready? = try capture.withLock { site in
      guard !site.isClosed else { return nil }
      return try prepare(
        site, found, record, witness: lease?.last, slots: slots, newGenerationBecause: reason, time: time)
    }
    guard let ready else { return }
    let opening = ready.start.opening
    let maintenance =
      opening == nil
      ? Self.maintenance(of: ready.start.place.generation, found, record)
      : Maintenance(generation: opening?.generation)
    // Slices are taken from what is there, and what becomes of them is noted: so all of it is there at once.
    let isOpen = capture.withLock { site in
      guard !site.isClosed else { return false }
      publish(ready, found)
      beginMaintenance(maintenance)
      site.capture = ready.capture
      return true
    }
    guard isOpen else { return }
    guard let opening else {
      if ready.start.taken.isEmpty { saveRecord() }
      return
    }
    if [ResumeDecision.keyChanged, ResumeDecision.encryptionBegan].contains(opening.reason)
      || opening.isFork
    {
      let cause =
        opening.seal != nil && opening.isFork
        ? "transactions up to \(opening.base.transaction - 1) are left behind" : opening.reason
      state.withLock { $0.notices.append("mirror: \(cause); starting a new generation") }
    }
    let generation = GenerationRecord(
      generation: opening.generation, time: time, reason: opening.reason, seal: opening.seal?.place,
      writer: "\(slots.session.text)")
    let snapshot = ready.snapshot
    let state = ready.start.state
    baseQueue.async(group: running) {
      self.openGeneration(
        opening, generation, slots, snapshot, time: time, state: state)
    }
  }

  /// The tip that this engine has stored, if it goes on in a new generation; whether it still is the tip, the seal shows.
  private func ownTip(before slots: SlotLog) -> ChainTip.Found? {
    state.withLock { state in
      guard let place = state.uploadedPlace, place.generation == state.openGeneration,
        let database = state.uploadedState
      else { return nil }
      let tip = ResumeDecision.Tip(
        place: place, entries: state.lastEntries, transaction: state.uploaded, state: database,
        time: state.uploadedTime, position: state.uploadedPosition, keyID: store.encryption?.keyID,
        session: nil,
        writer: nil)
      return ChainTip.Found(tip: tip, contents: nil, base: nil, chain: nil, unmarked: [])
    }
  }

  /// Writes the marks of generations that a seal names (rule 11).
  private func mark(_ due: [MarkRecord]) throws {
    for mark in due { _ = try create(mark) }
  }

  /// Creates a mark; false if another generation has the number.
  func create(_ mark: MarkRecord) throws -> Bool {
    do throws(ObjectStoreError) {
      try store.put(ObjectKey(mark.key), mark.bytes, .ifAbsent)
      return true
    } catch {
      if error.code == .configuration {
        guard try ReplicaCatalog(store).mark(mark.generation.sequence) == nil else { return false }
        try store.put(ObjectKey(mark.key), mark.bytes, .always)
        return true
      }
      guard error.code == .preconditionFailed else { throw error }
      return try ReplicaCatalog(store).mark(mark.generation.sequence)?.generation == mark.generation
    }
  }

  /// The record beside the database.
  private var savedRecord: PositionRecord? {
    (try? File(Self.recordPath(path), .read).readAll()).flatMap {
      try? PositionRecord($0, object: Self.recordPath(path))
    }
  }

  /// A capture that may begin, and what it begins with.
  private struct Ready {
    let start: Start
    let capture: Capture
    let snapshot: Snapshot
    let stamp: PositionRecord.FileStamp?
  }

  /// Looks where SQLite's log leads on from what was found in the store.
  private func prepare(
    _ site: CaptureLock.Site, _ found: ChainTip.Found?, _ record: PositionRecord?, witness: Place?,
    slots: SlotLog, newGenerationBecause reason: String?, time: Int64
  ) throws -> Ready {
    // At first the guard stands where the log ended when the session began; later it is moved to the end.
    if reason != nil { try site.guardian.renew() }
    let logFile = try File(path + "-wal", .read)
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
    let stamp = try settledStamp()
    let local = LocalDatabase(
      log: commits, pageSize: size.pageSize, record: record, stamp: stamp, snapshot: snapshot)
    let start = try self.start(
      found, local, record, witness: witness, slots: slots, forced: reason, later: later)
    for commit in start.taken { _ = pendingCommits.take(frame: commit.end.frame) }
    let encoder = LogEncoder(
      place: start.place, turn: start.opening == nil ? "a session begins" : nil,
      transaction: start.transaction, state: start.state, time: time, position: start.position,
      images: PageImages(start.taken), database: site.guardian.file, pendingCommits: pendingCommits,
      settings: settings, session: slots.session, hasBase: start.opening == nil)
    let capture = Capture(
      encoder: encoder, guardian: site.guardian, pendingCommits: pendingCommits, logFile: logFile, tail: tail,
      following: start.following)
    // The guard was moved to this very place, so the log may be restarted here.
    capture.seal()
    if start.opening != nil { capture.pins += 1 }
    if let last = start.following.last(where: { $0.end.frame <= end }) {
      capture.unguarded = Capture.Unguarded(end: last.end.frame) { try self.fileStamp() == stamp }
    }
    return Ready(start: start, capture: capture, snapshot: snapshot(start.taken.count), stamp: stamp)
  }

  /// Publishes what is captured from now on, and where it goes on from.
  private func publish(_ ready: Ready, _ found: ChainTip.Found?) {
    let start = ready.start
    state.withLock {
      $0.phase = .running
      $0.generation = start.place.generation
      $0.baseTransaction = start.opening?.base.transaction ?? found?.base?.transaction ?? 0
      $0.hasBase = start.opening == nil
      $0.openGeneration = start.opening == nil ? start.place.generation : $0.openGeneration
      $0.captured = start.transaction
      $0.uploaded = start.transaction
      $0.uploadedState = start.state
      $0.uploadedPosition = start.position
      $0.uploadedTime = start.opening == nil ? found?.tip.time ?? 0 : 0
      $0.uploadedPlace = start.place
      $0.lastEntries = start.opening == nil ? found?.tip.entries ?? [] : []
      $0.fence = nil
      $0.isFork = start.opening?.isFork ?? $0.isFork
      $0.didReachStore()
      $0.fileStamp = ready.stamp
      // Without a commit in the log the file alone was found to hold the state.
      $0.restingTransaction = start.taken.isEmpty ? start.transaction : nil
      $0.wakeWaiters()
    }
  }

  /// Last frame of what a new base holds; commits after it are captured one by one.
  private func end(of tail: LogTail?, isFirst: Bool) throws -> Int {
    guard let tail else { return 0 }
    if isFirst {
      // Restarted since: then the database file held everything at the start.
      return from?.salt == tail.header.salt ? from?.frame ?? 0 : 0
    }
    // A commit of the session that is not announced yet is left for later.
    return pendingCommits.readLimit ?? .max
  }

  private func start(
    _ found: ChainTip.Found?, _ local: LocalDatabase, _ record: PositionRecord?, witness: Place?,
    slots: SlotLog,
    forced: String?, later: [LogCommit]
  ) throws -> Start {
    var facts = ResumeDecision.Facts(path: path, url: store.url)
    facts.isOrdered = settings.newGeneration && forced == nil
    if found == nil, forced == nil, let place = witness {
      facts.loss =
        "transaction \(place.transaction - 1) of generation \(place.generation) was stored, and no chain is left"
    }
    var match: LocalDatabase.Match?
    if let tip = found?.tip {
      facts.tip = tip
      facts.wasEmpty = wasEmpty && forced == nil
      facts.keyID = store.encryption?.keyID
      if forced == nil { match = try local.match(tip) }
      facts.isAtTip = match != nil
      facts.isSameFile = record.map { $0.identity == identity && ($0.isSynced || $0.isAtRest) } ?? false
      facts.loss = found?.loss
      facts.restored = settings.restored
      facts.writer = { ChainTip(catalog: ReplicaCatalog(self.store)).writer(tip) }
      facts.recorded = Self.relation(of: record, witness: witness, to: tip)
      if forced == nil, match == nil, tip.state.pages > 1, !facts.wasEmpty, let found {
        let state = try local.snapshot(local.log.count).state()
        facts.earlier = try ChainTip(catalog: ReplicaCatalog(store)).transaction(of: state, in: found)
      }
    }
    let decision =
      forced.map { ResumeDecision.begin(reason: $0, isFork: false) } ?? ResumeDecision.of(facts)
    switch decision {
    case .refuse(let message): throw MirrorError(.refused, message)
    case .goOn:
      guard let tip = found?.tip, let match else { throw MirrorError(.refused, "\(store.url) is not known") }
      return Start(
        place: tip.place, transaction: tip.transaction, state: tip.state, position: match.taken.last?.end,
        taken: match.taken, following: match.following + later, opening: nil)
    case .begin(let reason, let isFork):
      let opening = try opening(after: found?.tip, because: reason, isFork: isFork, slots)
      return Start(
        place: opening.base.next(in: opening.generation), transaction: opening.base.transaction,
        state: try local.snapshot(local.log.count).state(), position: local.log.last?.end, taken: local.log,
        following: later, opening: opening)
    }
  }

  private func opening(
    after tip: ResumeDecision.Tip?, because reason: String, isFork: Bool, _ slots: SlotLog
  ) throws -> Opening {
    guard let next = GenerationID(after: tip?.place.generation) else {
      throw MirrorError(
        .refused,
        "\(store.url) holds generation \(tip?.place.generation.description ?? ""), after which no number is left: "
          + "mirror to another place")
    }
    guard let tip else {
      return Opening(
        generation: next, base: BaseName(0, id: .none), seal: nil, reason: reason, isFork: isFork)
    }
    let seal = TurnRecord(
      place: tip.place, id: .draw(), session: slots.session, time: Clock.wallMicroseconds, reason: reason,
      successor: TurnRecord.Successor(
        generation: next, transaction: tip.transaction, checksum: tip.state.checksum, isFork: isFork))
    return Opening(
      generation: next, base: BaseName(tip.transaction + 1, id: seal.id), seal: seal, reason: reason,
      isFork: isFork)
  }

  /// Where the record, or the lease if there is no record, says that the replica was.
  static func relation(
    of record: PositionRecord?, witness: Place?, to tip: ResumeDecision.Tip
  ) -> ResumeDecision.Recorded {
    guard let place = record?.place ?? witness else { return .nowhere }
    if place.generation == tip.place.generation {
      if place.transaction > tip.place.transaction { return .beyondTip(place) }
      guard record != nil else { return .nowhere }
      // What stands there stored no transaction: a turn, or parts of one that was never stored whole.
      let isVoid = place.transaction == tip.place.transaction && tip.entries.contains(place)
      return place == tip.place || isVoid ? .atTip : .belowTip
    }
    if place.generation.sequence > tip.place.generation.sequence { return .beyondTip(place) }
    return record == nil ? .nowhere : .belowTip
  }

  /// The database file, whatever it holds.
  var identity: PositionRecord.FileIdentity? {
    guard let info = try? FileInfo.of(path) else { return nil }
    return PositionRecord.FileIdentity(device: info.device, inode: info.inode, bornNs: FileInfo.born(path))
  }

  /// The database file as the file system sees it.
  func fileStamp() throws -> PositionRecord.FileStamp? {
    guard let info = try FileInfo.of(path) else { return nil }
    return PositionRecord.FileStamp(size: info.size, modifiedNs: info.modifiedNs, inode: info.inode)
  }

  /// The same, once a change of the file would have to show in its time: clocks of file systems are coarse.
  private func settledStamp() throws -> PositionRecord.FileStamp? {
    let stamp = try fileStamp()
    guard let stamp, abs(Clock.wallMicroseconds - stamp.modifiedNs / 1000) < 20_000 else { return stamp }
    Clock.sleep(seconds: 0.02)
    return try fileStamp()
  }

  /// Keeps the place reached for the next start.
  ///
  /// Failing to is no harm but a slower start.
  func writeRecord(_ record: PositionRecord) {
    guard let file = try? File(side: Self.recordPath(path), of: path) else { return }
    let bytes = record.bytes
    // Torn or old it is only ignored at the next start, so it is neither synced nor renamed.
    try? file.write(bytes, at: 0)
    // Whoever watches it is woken by that too.
    if (try? file.size()) != bytes.count { try? file.truncate(to: bytes.count) }
  }
}
