import Files
import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Keeps a copy of the mirrored database current as slices arrive, until it is interrupted.
///
/// It applies slices to an overlay (`PageOverlay`), checks the database's checksum, and then brings
/// the changes into the copy, in one transaction (`FollowedCopy`). If the slices do not continue
/// the copy (another generation, or removed history), it builds the newest state beside the copy,
/// and brings it in the same way.
package struct Follower {
  package let catalog: ReplicaCatalog
  package private(set) var output: String
  /// Whether to replace another file with a new copy.
  package var force = false
  package var patience = 60.0
  package var isInterrupted: (@Sendable () -> Bool)?
  /// Seconds between two looks: the minimum, and the maximum while nothing arrives.
  package var pause = 1.0...15.0
  /// Bytes of changed pages that are collected before they go into the copy, and of those of the
  /// current transaction.
  package var chunk = 256 << 20
  /// Bytes of slices from which it checks whether a base is shorter.
  package var baseThreshold = 16 << 20
  /// Gets events for the user.
  package var tell: (Event) -> Void = { _ in }

  package enum Event: Sendable {
    /// The copy has this state for the first time, or after it was built again.
    case built(ChainPoint)
    /// The copy has reached this state.
    case advanced(ChainPoint)
    case notice(String)
  }

  package init(_ catalog: ReplicaCatalog, output: String) {
    self.catalog = catalog
    self.output = output
  }

  /// Follows until it is interrupted; returns the last state of the copy.
  package func run() throws -> ChainPoint? {
    var resolved = self
    resolved.output = try Folder.followingLinks(output)
    return try resolved.follow()
  }

  private func follow() throws -> ChainPoint? {
    if !FileInfo.exists(output + FollowSlots.suffix) { try restore.check(output) }
    let slots = try FollowSlots(for: output, url: catalog.store.url)
    var copy: FollowedCopy?
    do {
      let follow = try begin(slots)
      copy = follow
      try keepUp(follow)
    } catch let error as RestoreError where error.code == .interrupted {
      // Ctrl-C is the normal end.
    }
    copy?.close()
    return copy?.record.point
  }

  private func source() -> ObjectSource {
    ObjectSource(catalog, patience: patience, isInterrupted: isInterrupted)
  }

  private var restore: Restore {
    var restore = Restore(catalog)
    restore.force = force
    return restore
  }

  // MARK: The beginning

  private func begin(_ slots: FollowSlots) throws -> FollowedCopy {
    let objects = source()
    defer { objects.stop() }
    if !force, let copy = try FollowedCopy(output, slots, check: { try objects.checkInterrupt() }) {
      tell(.built(copy.record.point))
      return copy
    }
    let restore = restore
    try restore.check(output)
    try restore.checkUnused(output)
    let planning = try Replanning(source: objects, target: RestoreTarget())
    let notices = planning.plan.notices
    for notice in notices { tell(.notice(notice)) }
    try slots.clear()
    try make(planning, restore) { try slots.write($0) }
    for notice in planning.plan.notices where !notices.contains(notice) { tell(.notice(notice)) }
    guard let copy = try FollowedCopy(output, slots, check: {}) else {
      throw RestoreError(
        .database, "follow \(output): its record cannot be read: use --force to make a new copy")
    }
    tell(.built(copy.record.point))
    return copy
  }

  /// Builds the file and renames it.
  ///
  /// This is a separate function, because the new file must be closed before SQLite opens it.
  /// Otherwise SQLite's locks would be dropped with it.
  private func make(
    _ planning: Replanning, _ restore: Restore, note: (FollowRecord) throws -> Void
  ) throws {
    let folder = try RestoreFolder(for: output, of: planning.plan, from: catalog.store.url)
    try folder.adoptOwner()
    let point = try build(planning, folder)
    var first = try folder.database.read(at: 0, count: point.state.pageSize)
    let record = FollowRecord(
      url: catalog.store.url, point: point, header: Array(first[..<CopyHeader.size]), counter: 1,
      cookie: CopyHeader.cookie(of: first))
    CopyHeader.put(counter: record.counter, cookie: record.cookie, pages: point.state.pages, into: &first)
    try folder.database.write(first, at: 0)
    try note(record)
    try restore.replace(output, with: folder.database, from: folder)
  }

  private func build(_ planning: Replanning, _ folder: RestoreFolder) throws -> ChainPoint {
    try planning.building(in: folder) { plan in
      guard plan.state.pages > 0 else {
        throw RestoreError(.nothing, "follow: the mirrored database is empty")
      }
      return try WALRestore(source: planning.source, plan: plan, replanning: planning, spool: folder.spool)
        .build(in: folder.database, upTo: plan.transaction).point
    }
  }

  // MARK: Keeping up

  private func keepUp(_ copy: FollowedCopy) throws {
    var wait = pause.lowerBound
    var failures = 0
    var gone: Set<String> = []
    var isAway = false
    while true {
      let objects = source()
      defer { objects.stop() }
      do {
        let before = copy.record.point
        try advance(copy, objects)
        if isAway { tell(.notice("\(catalog.store.url) answers again")) }
        (failures, isAway, gone) = (0, false, [])
        let hasMoved = copy.record.point != before
        if hasMoved { tell(.advanced(copy.record.point)) }
        wait = hasMoved ? pause.lowerBound : min(wait * 1.5, pause.upperBound)
      } catch let error as ObjectStoreError where error.isTransient {
        if !isAway { tell(.notice("\(error); trying again")) }
        isAway = true
        wait = pause.upperBound
      } catch let error as RestoreError where error.code == .hole || error.code == .nothing {
        // An object that is merged or removed just now may look like a gap once.
        failures += 1
        if failures == 3 { throw error }
      } catch let error as FormatError {
        // The next look lists what replaced an object that was there a moment ago.
        let isNew = error.isMissing && gone.count < Replanning.most && gone.insert(error.object).inserted
        if !isNew { failures += 1 }
        if failures == 3 { throw error }
      }
      try rest(wait, objects)
    }
  }

  private func rest(_ seconds: Double, _ objects: ObjectSource) throws {
    try objects.pause(seconds)
  }

  /// Brings the copy to the newest state, if that is newer.
  private func advance(_ copy: FollowedCopy, _ objects: ObjectSource) throws {
    while true {
      let point = copy.record.point
      let place = Place(point.generation, transaction: point.transaction + 1, previous: point.id)
      let contents = try objects.retry { _ in try catalog.entries(from: place) }
      // An empty listing means that nothing was stored since.
      guard !contents.slots.isEmpty else { return }
      let chain = contents.chain(from: place)
      if let damage = chain.damage { throw damage }
      guard chain.end > point.transaction else {
        // Turns, parts of an unfinished transaction, or another chain.
        if chain.seal == nil, chain.beyond.isEmpty { return }
        guard try rebuild(copy, objects) else { return }
        continue
      }
      if try hasShorterBase(chain, after: point, objects) {
        let done = try rebuild(copy, objects)
        guard done, copy.record.point.transaction > point.transaction else { return }
        continue
      }
      guard try apply(chain.objects, of: point.generation, to: copy, objects) else { return }
    }
  }

  /// Returns whether the newest base and the slices after it have fewer bytes than the slices that
  /// continue the copy.
  private func hasShorterBase(_ chain: Chain, after point: ChainPoint, _ objects: ObjectSource) throws -> Bool
  {
    func bytes(after transaction: UInt64) -> Int {
      chain.objects.filter { $0.transactions.upperBound > transaction }.reduce(0) { $0 + $1.size }
    }
    let all = bytes(after: point.transaction)
    guard all >= baseThreshold else { return false }
    let folder = ReplicaLayout.bases(point.generation)
    let bases = try objects.retry { _ in
      try catalog.store.listAll(
        prefix: folder, after: folder + ReplicaLayout.fromTransaction(point.transaction + 1))
    }
    guard let base = bases.compactMap({ BaseName(key: $0.key.name) }).max(), base.transaction <= chain.end
    else { return false }
    let manifest = try objects.read(base.key(in: point.generation)) {
      try catalog.manifest(point.generation, base, bytes: $0)
    }
    return manifest.parts.reduce(0) { $0 + $1.compressedSize } + bytes(after: base.transaction) < all
  }

  /// Applies slices.
  ///
  /// Returns false if readers hold the copy: the next look tries again.
  private func apply(
    _ slices: [ChainObject], of generation: GenerationID, to copy: FollowedCopy, _ objects: ObjectSource
  ) throws -> Bool {
    let fetcher = ObjectFetcher<[UInt8]>.slices(objects, slices, of: generation)
    let overlay = PageOverlay(
      pageSize: copy.record.point.state.pageSize, scratchFolder: Folder.parent(of: output)
    ) {
      try copy.image($0)
    }
    let applier = SliceApplier(from: copy.record.point, pages: overlay)
    // Pages beyond the memory limit go to a scratch file, because a transaction may have any size.
    while overlay.byteCount < chunk || !applier.isBetweenTransactions,
      let (name, bytes) = try fetcher.take()
    {
      let slice = try SliceReader(bytes, object: name)
      try applier.begin(slice, object: name)
      _ = try applier.advance(slice, object: name, upTo: .max)
    }
    // A commit in several parts counts with its last part.
    guard applier.transaction > copy.record.point.transaction else { return false }
    try applier.settle()
    return try copy.publish(applier.point, changed: overlay.pages) {
      try overlay.withImage($0) { Array($0[$1..<$1 + overlay.pageSize]) }
    }
  }

  // MARK: Another chain

  /// Builds the newest state beside the copy, and brings the different pages into it; returns false
  /// if it did not.
  private func rebuild(_ copy: FollowedCopy, _ objects: ObjectSource) throws -> Bool {
    let planning = try Replanning(source: objects, target: RestoreTarget())
    let plan = planning.plan
    let point = copy.record.point
    // The newer generation is not there yet, or the missing slice is on its way.
    if plan.generation == point.generation && plan.transaction <= point.transaction { return false }
    if plan.generation < point.generation { return false }
    let folder = try RestoreFolder(for: output, of: plan, from: catalog.store.url)
    let newPoint = try build(planning, folder)
    let (old, new) = (point.state, newPoint.state)
    var changed: [UInt32] = []
    for page in stride(from: 1, through: new.pages, by: 1) {
      if page & 0xfff == 0 { try objects.checkInterrupt() }
      if try old.pageSize != new.pageSize || page > old.pages
        || folder.database.read(at: Int(page - 1) * new.pageSize, count: new.pageSize) != copy.image(page)
      {
        changed.append(page)
      }
    }
    let done = try copy.publish(newPoint, changed: changed) {
      try folder.database.read(at: Int($0 - 1) * new.pageSize, count: new.pageSize)
    }
    guard done else { return false }
    folder.discard()
    tell(.built(newPoint))
    return true
  }
}
