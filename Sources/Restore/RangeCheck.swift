import Files
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// Verifies an unbroken run of transactions by building its database in both ways.
struct RangeCheck {
  let base: BaseName
  let chain: Chain
  let manifests: [BaseName: BaseManifest]
  let batches: BatchScan
  let live: Verification.Live?

  func run(_ check: GenerationCheck) throws {
    if let base = manifests[base] {
      let plan = RestorePlan(
        contents: check.contents, manifest: base, slices: chain.objects, transaction: chain.end,
        time: base.time,
        state: base.state, notices: [])
      let file = try check.work.file("wal", .create)
      let writer = BaseWriter(
        source: check.source, manifest: base, file: file, contents: check.partContents)
      let needed =
        Int(base.state.pages) * base.state.pageSize * (1 + replayTransactions(until: chain.end).count)
      try check.requireRoom(max(needed - file.size(), 0) + (1 << 20))
      let parts = try writer.check(stopAtFirst: false)
      check.parts.merge(parts.known) { $1 }
      for fault in parts.faults { try check.note(fault) }
      try check.checkMap(of: base)
      try apply(plan, file, isWhole: parts.faults.isEmpty, check)
    } else {
      try checkSingly(chain.objects, check)
    }
    for name in ["wal"] + (0..<2).map({ ChainRun.copyName($0) }) { try check.work.remove(name) }
    try checkLaterBases(check)
  }

  /// Returns the transactions at which replays begin: after the last barrier, and at the newest
  /// base, as in `.restore sql`.
  ///
  /// The second replay may start with other statistics or row numbers in memory.
  private func replayTransactions(until end: UInt64) -> [UInt64] {
    guard batches.isComplete else { return [] }
    let barrier = batches.lastBarrier?.transaction ?? 0
    let newest = manifests.keys.map(\.transaction).filter { $0 <= end }.max() ?? base.transaction
    return Set([max(barrier, base.transaction), max(barrier, newest)]).sorted()
  }

  /// Checks the parts of the bases within the run, and that each base equals the state of the
  /// slices.
  private func checkLaterBases(_ check: GenerationCheck) throws {
    for (name, manifest) in manifests.sorted(by: { $0.key < $1.key })
    where name > base && name.transaction <= chain.end {
      let writer = BaseWriter(
        source: check.source, manifest: manifest, file: nil, known: check.parts, contents: check.partContents)
      let parts = try writer.check(stopAtFirst: false)
      check.parts.merge(parts.known) { $1 }
      for fault in parts.faults { try check.note(fault) }
      try check.checkMap(of: manifest)
    }
  }

  /// Slices that cannot be applied are still read, each by itself.
  private func checkSingly(_ objects: [ChainObject], _ check: GenerationCheck) throws {
    let fetcher = ObjectFetcher<[UInt8]>.slices(check.source, objects, of: check.generation)
    while let (name, result) = try fetcher.next() { try check.noting(name) { _ = try result.get() } }
  }

  /// Applies every slice, compares each commit with its batch and with bases on the way, and then
  /// compares the contents.
  private func apply(_ plan: RestorePlan, _ file: File, isWhole: Bool, _ check: GenerationCheck) throws {
    let run = ChainRun(plan: plan, file: file, batches: batches, manifests: manifests, check: check)
    run.seal = chain.seal
    if let live { run.liveTransaction = live.transaction }
    run.replayTransactions = replayTransactions(until: plan.transaction)
    run.isIntact = isWhole
    if isWhole { try run.reach(base.transaction) }
    let fetcher = ObjectFetcher<[UInt8]>.slices(check.source, plan.slices, of: check.generation)
    while let (name, result) = try fetcher.next() {
      let taken: Void? = try check.noting(name) { try run.take(result.get(), name) }
      if taken == nil { run.isIntact = false }
    }
    try run.finish(live)
  }
}
