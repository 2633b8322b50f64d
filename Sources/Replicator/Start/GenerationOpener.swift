import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Opens generations (rule 9).
///
/// It stores the record and the base, then the seal in the generation before. It reads the seal
/// back, and then stores the mark.
struct GenerationOpener: Sendable {
  /// A new generation, with its seal in the one before; without a seal if it is the replica's
  /// first.
  struct Opening: Sendable {
    let generation: GenerationID
    let base: BaseName
    let seal: TurnRecord?
    let reason: String
    /// Whether it abandons transactions on the user's command.
    let isFork: Bool
  }

  let store: RetryingStore
  let bases: BaseUploader
  let batches: BatchUploader
  let maintainer: Maintainer
  let ledger: GenerationLedger
  let recorder: PositionRecorder
  let log: SessionLog
  let uploads: Wakeup
  let captures: Wakeup
  /// The time when the database was opened; microseconds since 1970.
  let began: Int64

  private var progress: Progress { store.progress }

  /// Opens a generation on the thread of bases; its objects count when that is done.
  func begin(_ opening: SessionStart.Opening, _ slots: SlotLog) {
    let generation = opening.generation
    if [ResumeDecision.keyChanged, ResumeDecision.encryptionBegan].contains(generation.reason)
      || generation.isFork
    {
      let cause =
        generation.seal != nil && generation.isFork
        ? "transactions up to \(generation.base.transaction - 1) are left behind" : generation.reason
      store.health.notices.add("mirror: \(cause); starting a new generation")
    }
    bases.run { self.run(opening, slots) }
  }

  private func run(_ opening: SessionStart.Opening, _ slots: SlotLog) {
    let generation = opening.generation.generation
    func isPresent() -> Bool { progress.withLock { $0.generation == generation } }
    do {
      if try open(opening, slots) { count(opening.generation) }
    } catch let error as MirrorError where error.code == .fenced {
      guard isPresent() else { return }
      progress.update { $0.fence = error }
      captures.raise()
    } catch let error as MirrorError {
      // The base of a generation that was given up meanwhile is of no use.
      if isPresent() { store.fail(error) }
    } catch {
      bases.note(error)
    }
  }

  /// Opens a generation; returns false if the mirror was stopped first.
  private func open(_ opening: SessionStart.Opening, _ slots: SlotLog) throws -> Bool {
    let generation = opening.generation
    let record = PendingUpload.Object(
      name: ReplicaLayout.record(generation.generation), bytes: opening.record.bytes)
    guard try store.upload(record),
      try bases.store(
        opening.pages, generation.generation, generation.base, time: opening.time, state: opening.state,
        isFirst: true),
      try store.untilStored({ try slots.probe(record.name, record.bytes) })
    else { return false }
    if let before = opening.before, !before.gaps.isEmpty { try fillGaps(of: before) }
    if let seal = generation.seal {
      guard try store.untilStored({ try slots.create(seal.place, id: seal.id, seal.bytes) }),
        try store.untilStored({ try slots.confirm((seal.place, seal.id)) })
      else { return false }
    }
    let mark = MarkRecord(
      generation: generation.generation, base: generation.base, seal: generation.seal?.place)
    var isMarked = false
    guard try store.untilStored({ isMarked = try ReplicaCatalog(store.store).create(mark) }) else {
      return false
    }
    guard isMarked || generation.seal != nil else {
      throw MirrorError(.fenced, "another session has begun a replica in \(store.store.url)")
    }
    slots.noteConfirmed()
    try log.checkConditions(store.health.notices)
    return true
  }

  /// Fills the gaps of a generation that ends, because no later session does.
  private func fillGaps(of generation: Maintenance) throws {
    let ledger = GenerationLedger()
    ledger.begin(generation)
    try GapFiller(store: store, ledger: ledger).run()
  }

  /// Counts everything that was stored of the generation.
  private func count(_ opening: Opening) {
    let isPresent = progress.withLock {
      guard $0.generation == opening.generation else { return false }
      $0.openGeneration = opening.generation
      $0.hasStored = true
      $0.baseTransaction = opening.base.transaction
      return true
    }
    guard isPresent else { return }
    batches.release()
    progress.update {
      guard $0.generation == opening.generation else { return }
      $0.hasBase = true
      if $0.tip?.time == 0 { $0.tip?.time = began }
    }
    ledger.note(base: opening.base, of: opening.generation)
    maintainer.startIfDue()
    recorder.save()
    maintainer.renewLease()
    uploads.raise()
  }
}

extension GenerationOpener.Opening {
  /// Makes the generation that follows a tip; the replica's first if there is none.
  ///
  /// Throws `.refused` if no number is left.
  init(
    after tip: ResumeDecision.Tip?, because reason: String, isFork: Bool, _ session: TurnRecord.Session,
    _ url: String
  ) throws {
    guard let next = GenerationID(after: tip?.place.generation) else {
      throw MirrorError(
        .refused,
        "\(url) holds generation \(tip?.place.generation.description ?? ""), after which no number is left: "
          + "mirror to another place")
    }
    guard let tip else {
      self.init(generation: next, base: BaseName(0, id: .none), seal: nil, reason: reason, isFork: isFork)
      return
    }
    let seal = TurnRecord(
      place: tip.place, id: .draw(), session: session, time: Clock.wallMicroseconds, reason: reason,
      successor: TurnRecord.Successor(
        generation: next, transaction: tip.transaction, checksum: tip.state.checksum, isFork: isFork))
    self.init(
      generation: next, base: BaseName(tip.transaction + 1, id: seal.id), seal: seal, reason: reason,
      isFork: isFork)
  }
}

extension ReplicaCatalog {
  /// Creates a mark; returns false if another generation has the number.
  func create(_ mark: MarkRecord) throws -> Bool {
    do throws(ObjectStoreError) {
      try store.put(ObjectKey(mark.key), mark.bytes, .ifAbsent)
      return true
    } catch {
      if error.code == .configuration {
        guard try self.mark(mark.generation.sequence) == nil else { return false }
        try store.put(ObjectKey(mark.key), mark.bytes, .always)
        return true
      }
      guard error.code == .preconditionFailed else { throw error }
      return try self.mark(mark.generation.sequence)?.generation == mark.generation
    }
  }
}
