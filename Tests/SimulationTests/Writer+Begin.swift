import Bytes
import Compression
import Digest
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

@testable import Replicator

extension Writer {
  /// A new generation: its seal in the one before, or none if it is the replica's first.
  private struct Opening {
    let base: BaseName
    let generation: GenerationID
    let seal: TurnRecord?
    let moment: SimulatedFile.Moment
    let reason: String
  }

  /// Finds the place at which to continue, or begins a generation; throws `.refused`.
  func begin(isOrdered: Bool) throws {
    let reader = ChainTip(catalog: ReplicaCatalog(store))
    let record = file.record
    var found: ChainTip.Found?
    var witness: Place?
    if let record, !isOrdered { try untilStored { found = try reader.recorded(record) } }
    if found == nil {
      try untilStored { witness = try readLease() }
      try untilStored { found = try reader.read() }
    }
    slots.begin(after: found?.tip.entries ?? [])
    for mark in found?.unmarked ?? [] { try untilStored { _ = try create(mark) } }
    let end = file.moments.count - 1
    var match: Int?
    switch try decide(found, record, witness, isOrdered: isOrdered, match: &match) {
    case .refuse(let message): throw MirrorError(.refused, message)
    case .goOn:
      guard let tip = found?.tip, let match else { return }
      captured = match
      hasBase = true
      uploaded = (tip.transaction, tip.state, tip.time, tip.place)
      lastEntries = tip.entries
      encoder = Encoder(
        world, session: slots.session, place: tip.place, transaction: tip.transaction, state: tip.state,
        stored: tip.transaction, needsTurn: true)
      if let chain = found?.chain, let contents = found?.contents { compactor.learn(chain, contents) }
      world.tell("\(name) goes on with \(file.name) after transaction \(tip.transaction)")
      if match == end, world.choices.chance(300) { saveRecord() }
      if world.choices.chance(80) {
        try compactor.merge(stored: tip.transaction, generation: tip.place.generation)
        try compactor.remove(stored: tip.transaction)
      }
    case .begin(let reason, let isFork):
      self.isFork = isFork
      try begin(after: found?.tip, because: reason)
    }
  }

  private func readLease() throws -> Place? {
    do throws(ObjectStoreError) {
      let bytes = try store.whole(ObjectKey(ReplicaLayout.lease)).bytes
      return (try? LeaseRecord(bytes, object: ReplicaLayout.lease))?.last
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private func decide(
    _ found: ChainTip.Found?, _ record: PositionRecord?, _ witness: Place?, isOrdered: Bool, match: inout Int?
  ) throws -> ResumeDecision {
    var facts = ResumeDecision.Facts(path: file.name, url: store.url)
    facts.isOrdered = isOrdered
    guard let found else {
      if let witness { facts.loss = "\(witness) was stored, and no chain is left" }
      return ResumeDecision.of(facts)
    }
    let tip = found.tip
    facts.tip = tip
    match = file.find(tip.state)
    facts.isAtTip = match != nil
    facts.isSameFile = record.map { $0.identity == file.identity && $0.isSynced } ?? false
    if world.settings.broken == .anyFile { facts.isSameFile = true }
    facts.loss = found.loss
    facts.recorded = ResumeDecision.Recorded(
      record, witness: witness, tip: tip, found.contents, base: found.base)
    if world.settings.broken == .anyPlace, case .belowTip = facts.recorded { facts.recorded = .holdsTip }
    if match == nil {
      try untilStored {
        facts.earlier = try ChainTip(catalog: ReplicaCatalog(store)).transaction(
          of: file.last.state, in: found)
      }
    }
    let decision = ResumeDecision.of(facts)
    if found.loss != nil { world.fail("invariant 6", "\(name): \(found.loss ?? "")") }
    if case .refuse(let message) = decision, message.contains("lost objects") {
      world.fail("invariant 6", "\(name): \(message)")
    }
    return decision
  }

  // MARK: A new generation

  private func begin(after tip: ResumeDecision.Tip?, because reason: String) throws {
    let next = world.drawGeneration(after: tip?.place.generation)
    let seal = tip.map { tip in
      TurnRecord(
        place: tip.place, id: world.drawID(), session: slots.session, time: world.microseconds,
        reason: reason,
        successor: TurnRecord.Successor(
          generation: next, transaction: tip.transaction, checksum: tip.state.checksum, isFork: isFork))
    }
    let base = tip.map { BaseName($0.transaction + 1, id: seal?.id ?? .none) } ?? BaseName(0, id: .none)
    captured = file.moments.count - 1
    let moment = file.moments[captured]
    let place = base.next(in: next)
    uploaded = (base.transaction, moment.state, moment.time, place)
    encoder = Encoder(
      world, session: slots.session, place: place, transaction: base.transaction, state: moment.state,
      stored: 0,
      needsTurn: false)
    world.tell("\(name) begins a generation for \(file.name): \(reason)")
    let opening = Opening(base: base, generation: next, seal: seal, moment: moment, reason: reason)
    guard Baton.current != nil, world.choices.chance(400) else { return try open(opening) }
    // Slices are stored meanwhile, and count when the generation is open.
    world.baton.begin(name, life) { [self] in
      do {
        try open(opening)
      } catch let error as MirrorError {
        fence = error
      } catch {
        fence = MirrorError(.store, "\(error)")
      }
    }
  }

  /// Opens a generation (rule 9).
  private func open(_ opening: Opening) throws {
    let broken = world.settings.broken
    let mark = MarkRecord(generation: opening.generation, base: opening.base, seal: opening.seal?.place)
    let record = GenerationRecord(
      generation: opening.generation, time: world.microseconds, reason: opening.reason,
      seal: opening.seal?.place,
      writer: slots.session.text)
    let name = ReplicaLayout.record(opening.generation)
    try put(name, record.bytes)
    if broken != .sealBeforeBase { try storeBase(opening.moment, opening.generation, opening.base) }
    try untilStored { try slots.probe(name, record.bytes) }
    if broken == .markBeforeSeal { try untilStored { _ = try create(mark) } }
    if let seal = opening.seal {
      try untilStored { try slots.create(seal.place, id: seal.id, seal.bytes) }
      if broken != .noConfirm { try untilStored { try slots.confirm((seal.place, seal.id)) } }
    }
    if broken == .sealBeforeBase { try storeBase(opening.moment, opening.generation, opening.base) }
    var isMarked = false
    try untilStored { isMarked = try create(mark) }
    guard isMarked || opening.seal != nil else {
      throw MirrorError(.fenced, "another session has begun a replica")
    }
    slots.noteConfirmed()
    hasBase = true
    world.tell("\(self.name) has opened generation \(opening.generation.sequence)")
    // The base itself counts: the user relies on its content.
    states[opening.base.transaction] = opening.moment.state
    world.acknowledge(
      self.name, opening.base.next(in: opening.generation), opening.base.transaction, opening.moment.state)
    for entry in waiting { count(entry) }
    waiting = []
    saveRecord()
  }

  /// Creates a mark; false if another generation has the number.
  func create(_ mark: MarkRecord) throws -> Bool {
    do throws(ObjectStoreError) {
      try store.put(ObjectKey(mark.key), mark.bytes, .ifAbsent)
      return true
    } catch {
      guard error.code == .preconditionFailed else { throw error }
      return try ReplicaCatalog(store).mark(mark.generation.sequence)?.generation == mark.generation
    }
  }

  /// Stores the parts of a base, then its manifest.
  func storeBase(_ moment: SimulatedFile.Moment, _ generation: GenerationID, _ name: BaseName) throws {
    let content = SimulatedFile.content(moment)
    let digest = PartNaming().digest(sha256: sha256(content))
    let part = ReplicaLayout.part(digest)
    let bytes = Zstandard.compress(content)
    var isThere = false
    try untilStored { isThere = try store.listAll(prefix: part).count == 1 }
    if !isThere { try put(part, bytes, .always) }
    let manifest = BaseManifest(
      generation: generation, name: name, time: moment.time, state: moment.state,
      parts: [
        BaseManifest.Part(
          firstPage: 1, pageCount: moment.state.pages, digest: digest, compressedSize: bytes.count)
      ])
    try put(manifest.key, manifest.bytes)
  }

  /// Stores an object whose name no other session uses.
  func put(_ name: String, _ bytes: [UInt8], _ condition: PutCondition = .ifAbsent) throws {
    try untilStored {
      do throws(ObjectStoreError) {
        try store.put(ObjectKey(name), bytes, condition)
      } catch {
        guard error.code == .preconditionFailed else { throw error }
      }
    }
  }
}
