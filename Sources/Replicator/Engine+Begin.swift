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
    let generation: GenerationID
    let transaction: UInt64
    let state: DatabaseState
    let position: WALPosition?
    let taken: [LogCommit]
    let following: [LogCommit]
    /// Why a new generation begins; nil where an old one goes on.
    let reason: String?
    /// Bytes of log since the base, as far as is known.
    var bytesSinceBase: Int?
  }

  /// Finds where to go on, or begins a new generation and has its base uploaded.
  ///
  /// `reason` forces a new generation.
  func begin(newGenerationBecause reason: String?) throws {
    let finding = try lease.look(isStopped: { isStopped }, pause: Clock.sleep(seconds:))
    guard !isStopped else { return }
    let found = try Continuation.tip(of: ReplicaCatalog(store))
    try checkListing(found.newest)
    // The state that the base holds is that of the beginning, whenever the store answered.
    let time = max(reason == nil ? began : Clock.wallMicroseconds, found.tip?.time ?? 0)
    let ready: Ready? = try capture.withLock { site in
      site.isClosed ? nil : try prepare(site, found, after: finding, newGenerationBecause: reason, time: time)
    }
    guard let ready else { return }
    let start = ready.start
    lease.note(start.generation)
    // Before anything is stored: statements get the names that these have.
    if start.reason == nil, let tip = found.tip { try removeUnfinished(tip) }
    let goesOn = start.reason == nil ? found.tip : nil
    let upkeep = Self.upkeep(
      of: start.generation, goesOn?.contents, base: goesOn?.base ?? start.transaction,
      bytesSinceBase: start.bytesSinceBase)
    // Slices are taken from what is there, and what becomes of them is noted: so all of it is there at once.
    let isOpen = capture.withLock { site in
      guard !site.isClosed else { return false }
      publish(ready, base: goesOn?.base)
      beginUpkeep(upkeep)
      site.capture = ready.capture
      return true
    }
    guard isOpen else { return }
    if start.reason == nil, start.taken.isEmpty { saveRecord() }
    guard let reason = start.reason else { return }
    if [Continuation.keyChanged, Continuation.encryptionBegan].contains(reason) {
      state.withLock { $0.notices.append("mirror: \(reason); starting a new generation") }
    }
    let record = GenerationRecord(
      generation: start.generation, time: time, reason: reason, predecessor: found.newest,
      writer: "process \(ProcessIdentity.current) on \(settings.host), \(path)")
    let object = Outgoing.Object(name: ReplicaLayout.record(start.generation), bytes: record.bytes)
    let snapshot = ready.snapshot
    baseQueue.async(group: running) {
      self.uploadBase(
        snapshot, start.generation, record: object, transaction: start.transaction, time: time,
        state: start.state)
    }
  }

  /// Throws if the store's listing lacks a generation that is there, as the lease or the record beside the database say: a new
  /// one with the same number would compete with it.
  private func checkListing(_ newest: GenerationID?) throws {
    let known = [lease.generation, savedRecord.flatMap { $0.url == store.url ? $0.generation : nil }]
    for generation in known.compactMap({ $0 }) where newest.map({ $0 < generation }) ?? true {
      do throws(ObjectStoreError) {
        _ = try store.whole(ObjectKey(ReplicaLayout.record(generation)))
      } catch {
        // Its writer ended before there was anything in it, or it was deleted.
        guard error.code == .notFound else { throw error }
        continue
      }
      throw ObjectStoreError(
        .damaged, verb: "list", object: store.url,
        cause: "the listing lacks generation \(generation), which is there")
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

  /// Looks where the log leads on from what was found in the store.
  private func prepare(
    _ site: CaptureLock.Site, _ found: (tip: Continuation.Tip?, newest: GenerationID?, last: UInt64),
    after finding: Lease.Finding, newGenerationBecause reason: String?, time: Int64
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
    let start = try self.start(
      found, after: finding, forced: reason, log: commits, later: later, pageSize: size.pageSize,
      snapshot: snapshot)
    for commit in start.taken { _ = announcements.take(frame: commit.end.frame) }
    let encoder = LogEncoder(
      generation: start.generation, transaction: start.transaction, state: start.state,
      time: time, position: start.position, images: PageImages(start.taken),
      database: site.guardian.file,
      announcements: announcements, settings: settings, session: lease.writer,
      hasBase: start.reason == nil)
    let capture = Capture(
      encoder: encoder, guardian: site.guardian, announcements: announcements, logFile: logFile, tail: tail,
      following: start.following)
    // The guard was moved to this very place, so the log may be restarted here.
    capture.seal()
    if start.reason != nil { capture.pins += 1 }
    if let last = start.following.last(where: { $0.end.frame <= end }) {
      capture.unguarded = Capture.Unguarded(end: last.end.frame) { try self.fileStamp() == stamp }
    }
    return Ready(start: start, capture: capture, snapshot: snapshot(start.taken.count), stamp: stamp)
  }

  /// Tells what is captured from now on, and where it goes on from; `base` is that of a generation that goes on.
  private func publish(_ ready: Ready, base: UInt64?) {
    let start = ready.start
    state.withLock {
      $0.phase = .running
      $0.generation = start.generation
      $0.baseTransaction = start.reason == nil ? base ?? 0 : start.transaction
      $0.hasBase = start.reason == nil
      $0.captured = start.transaction
      $0.uploaded = start.transaction
      $0.uploadedState = start.state
      $0.uploadedPosition = start.position
      $0.didReachStore()
      $0.fileStamp = ready.stamp
      // Without a commit in the log the file alone was found to hold the state.
      $0.restingTransaction = start.taken.isEmpty ? start.transaction : nil
      $0.wakeWaiters()
    }
  }

  /// Removes statements of transactions that never reached the replica: the program was killed between the two, and what
  /// gets their numbers now may be something else.
  private func removeUnfinished(_ tip: Continuation.Tip) throws {
    for batch in tip.contents.statements where batch.upperBound > tip.transaction {
      try lease.ensure()
      try store.delete(ObjectKey(ReplicaLayout.statements(tip.generation, batch)))
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
    return announcements.readLimit ?? .max
  }

  private func start(
    _ found: (tip: Continuation.Tip?, newest: GenerationID?, last: UInt64), after finding: Lease.Finding,
    forced: String?, log: [LogCommit],
    later: [LogCommit], pageSize: Int, snapshot: (Int) throws -> Snapshot
  ) throws -> Start {
    let continuation = Continuation(
      record: savedRecord, stamp: try fileStamp(), url: store.url, keyID: store.encryption?.keyID)
    let decision =
      if let forced {
        Continuation.Decision.begin(reason: forced)
      } else {
        try continuation.decide(
          tip: found.tip, newest: found.newest, wasEmpty: wasEmpty && !settings.newGeneration, log: log,
          pageSize: pageSize, snapshot: snapshot)
      }
    switch decision {
    case .refuse(let tip):
      throw MirrorError(
        .refused,
        "\(store.url) holds data (generation \(tip.generation), transaction \(tip.transaction)) but \(path) was "
          + "empty: use .restore wal, or .mirror on \(store.url) --new-generation")
    case .resume(let tip, let taken, let following) where !settings.newGeneration && finding.isFree:
      return Start(
        generation: tip.generation, transaction: tip.transaction, state: tip.state,
        position: taken.last?.end, taken: taken, following: following + later, reason: nil,
        bytesSinceBase: continuation.record.flatMap { $0.url == store.url ? $0.bytesSinceBase : nil })
    case .resume, .begin:
      let reason =
        switch decision {
        case .begin(let reason): reason
        default:
          finding.isFree ? "asked for" : "the writer before was on another host and did not end in order"
        }
      guard let next = GenerationID(after: found.newest) else {
        throw MirrorError(
          .refused,
          "\(store.url) holds generation \(found.newest?.description ?? ""), after which no number is left: mirror to another place"
        )
      }
      return Start(
        generation: next, transaction: found.newest == nil ? 0 : found.last + 1,
        state: try snapshot(log.count).state(), position: log.last?.end, taken: log, following: later,
        reason: reason)
    }
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
