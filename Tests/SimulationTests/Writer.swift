import Bytes
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

@testable import Replicator

/// One session that mirrors a file.
///
/// It does what the mirror does, in the order of the rules, on its own thread.
final class Writer: @unchecked Sendable {
  let world: World
  let name: String
  let file: SimulatedFile
  let life = Baton.Life()
  let store: SimulatedStore
  let slots: SlotLog
  let compactor: Compactor
  var encoder: Encoder?
  /// The last state of the file that is encoded.
  var captured = 0
  /// Whether the generation is open: then stored transactions count.
  var hasBase = false
  /// States after transactions of the generation, and those that wait for the base.
  var states: [UInt64: DatabaseState] = [:]
  var waiting: [PendingUpload] = []
  /// The last transaction that is stored, the database after it, its time, and the place after it.
  var uploaded: (transaction: UInt64, state: DatabaseState, time: Int64, place: Place)?
  var lastEntries: [Place] = []
  var fence: MirrorError?
  var isFork = false
  let lease: Lease?
  /// How the session ended.
  private(set) var refusal: String?

  init(_ world: World, _ name: String, _ file: SimulatedFile, isFaulty: Bool = true) {
    self.world = world
    self.name = name
    self.file = file
    store = SimulatedStore(world: world, name: name, isFaulty: isFaulty)
    slots = SlotLog(store, database: file.name, host: name, now: world.now)
    compactor = Compactor(world, name, store)
    lease = try? Lease(store)
  }

  /// Runs a session from its start to its end.
  func run(isOrdered: Bool, rounds: Int) {
    file.users += 1
    defer { file.users -= 1 }
    do {
      try begin(isOrdered: isOrdered)
      for _ in 0..<rounds { try round() }
      try finish()
      world.tell("\(name) ends")
    } catch let error as MirrorError {
      refusal = error.message
      world.tell("\(name) stops: \(brief(error))")
    } catch let error as ObjectStoreError {
      if !life.isDead { world.tell("\(name) gives up: \(error.cause)") }
    } catch let error as FormatError {
      // Objects disappear faster than they are listed; any other error is damage, which no session
      // makes.
      if !error.isMissing { world.fail("damage", "\(name): \(error)") }
      world.tell("\(name) gives up: \(error)")
    } catch {
      world.fail("damage", "\(name): \(error)")
    }
    life.isDead = true
  }

  private func brief(_ error: MirrorError) -> String {
    error.code == .fenced ? "it met another session's entry" : String(error.message.prefix(150))
  }

  // MARK: Rounds

  private func checkAlive() throws(ObjectStoreError) {
    guard !life.isDead else {
      throw ObjectStoreError(.io, verb: "run", object: name, cause: "the session died")
    }
  }

  private func round() throws {
    try checkAlive()
    if let fence { throw fence }
    let count = 1 + world.choices.pick(2)
    for _ in 0..<count {
      let parts = 1 + world.choices.pick(2)
      file.commit(world, pages: parts)
      world.tell("\(name) commits to \(file.name)")
    }
    try upload()
    guard hasBase, uploaded?.transaction == encoder?.transaction else { return }
    try maintain()
  }

  private func maintain() throws {
    guard let encoder, let uploaded else { return }
    if world.choices.chance(450) {
      try compactor.merge(stored: uploaded.transaction, generation: encoder.place.generation)
    }
    if world.choices.chance(600) { try compactor.remove(stored: uploaded.transaction) }
    if world.choices.chance(80) {
      let base = BaseName(encoder.transaction, id: encoder.place.previous)
      let moment = file.moments[captured]
      try storeBase(moment, encoder.place.generation, base)
      compactor.shelf.drop(through: base.transaction)
      saveRecord()
    }
    if world.choices.chance(500) { saveRecord() }
    if world.choices.chance(150) { renewLease() }
  }

  private func finish() throws {
    // The generation may still be opening.
    if let task = Baton.current, !hasBase { world.baton.yield(task) { [self] in hasBase || fence != nil } }
    guard !life.isDead, fence == nil, hasBase else { return }
    if captured < file.moments.count - 1 { try upload() }
    if world.choices.chance(700) { saveRecord() }
    if world.choices.chance(300) {
      lease?.release(slots.session, last: uploaded?.place) { holds($0) }
    }
  }

  /// Takes the file's commits, of any session, and stores them.
  func upload() throws {
    guard var encoder, captured < file.moments.count - 1 else { return }
    encoder.stored = hasBase ? uploaded?.transaction ?? 0 : 0
    var held: [PendingUpload] = []
    let most = 1 + world.choices.pick(3)
    while captured < file.moments.count - 1, held.isEmpty || held.count < most {
      let count = 1 + world.choices.pick(min(2, file.moments.count - 1 - captured))
      let moments = Array(file.moments[captured + 1...captured + count])
      for (index, moment) in moments.enumerated() {
        states[encoder.transaction + UInt64(index) + 1] = moment.state
      }
      held += encoder.encode(moments, inParts: world.choices.chance(500), world)
      captured += count
    }
    self.encoder = encoder
    // The log is long: it is restarted with commits that are captured and not stored.
    if hasBase, world.choices.chance(60) {
      saveRecord()
      file.restartLog(at: captured)
      world.tell("\(name) has the log of \(file.name) restarted")
    }
    if world.settings.broken == .mergesEarly { try compactor.merge(early: held) }
    try store(held)
    try confirm()
    if let fence { throw fence }
    for entry in held { didStore(entry) }
  }

  /// Sends entries, all at once.
  private func store(_ entries: [PendingUpload]) throws {
    guard entries.count > 1, Baton.current != nil else {
      for entry in entries { try create(entry) }
      return
    }
    let failures = Failures()
    let others = entries.dropFirst().map { entry in
      world.baton.begin(name, life) {
        do {
          try self.create(entry)
          if self.world.settings.broken == .acknowledgesOutOfOrder, self.hasBase { self.count(entry) }
        } catch { failures.all.append(error) }
      }
    }
    do { try create(entries[0]) } catch { failures.all.append(error) }
    if let task = Baton.current { world.baton.yield(task) { others.allSatisfy { $0.isDone } } }
    if let error = failures.all.first(where: { $0 is MirrorError }) ?? failures.all.first { throw error }
    try checkAlive()
  }

  private final class Failures: @unchecked Sendable { var all: [any Error] = [] }

  private func create(_ entry: PendingUpload) throws {
    try untilStored {
      try slots.create(entry.place, id: entry.id, entry.bytes)
      slots.noteAnswer()
    }
  }

  /// Retries until it works, or until the session ends.
  func untilStored(_ body: () throws -> Void) throws {
    var attempts = 0
    while true {
      do {
        return try body()
      } catch let error as ObjectStoreError {
        attempts += 1
        guard !life.isDead, attempts < 12, Baton.current != nil else { throw error }
      }
    }
  }

  private func confirm() throws {
    guard !slots.isConfirmed, hasBase else { return }
    if world.settings.broken == .noConfirm { return slots.noteConfirmed() }
    try untilStored { try slots.confirm() }
    if slots.isConfirmed { world.tell("\(name) has confirmed its entry") }
  }

  private func didStore(_ entry: PendingUpload) {
    if lastEntries.first?.transaction != entry.place.transaction
      || lastEntries.first?.generation != entry.generation
    {
      lastEntries = []
    }
    lastEntries.append(entry.place)
    compactor.note(entry)
    guard !entry.isTurn, !entry.isPartial else { return }
    let time = file.moments[min(captured, file.moments.count - 1)].time
    uploaded = (entry.lastTransaction, entry.state, time, entry.next)
    if hasBase { count(entry) } else { waiting.append(entry) }
  }

  /// Counts transactions as stored from now on.
  func count(_ entry: PendingUpload) {
    guard let transactions = entry.transactions, !entry.isPartial else { return }
    if world.settings.ignoresConditions, slots.keepsConditions != false {
      world.fail("detection", "\(name) counts, and has not noticed that the store ignores conditions")
    }
    for number in transactions {
      guard let state = states[number] else { continue }
      world.acknowledge(name, entry.place, number, state)
    }
  }

  // MARK: Beside the log

  func saveRecord() {
    guard hasBase, let uploaded else { return }
    file.sync()
    file.record = PositionRecord(
      url: store.url, place: uploaded.place, entries: lastEntries, session: slots.session.number,
      transaction: uploaded.transaction, state: uploaded.state, position: nil, time: uploaded.time,
      unmerged: 0,
      identity: file.identity, isSynced: true, isAtRest: false, captured: encoder?.transaction,
      bytesSinceBase: nil, file: nil)
    world.tell("\(name) writes its record: \(uploaded.transaction)")
  }

  func renewLease() {
    guard hasBase else { return }
    lease?.renew(slots.session, last: uploaded?.place) { holds($0) }
  }

  private func holds(_ place: Place) -> Bool {
    guard let tip = uploaded?.place, !isFork else { return true }
    return (try? ChainTip(catalog: ReplicaCatalog(store)).holds(place, tip: tip)) ?? false
  }
}
