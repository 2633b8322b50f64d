import Files
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// Verifies an unbroken run of transactions by building the database it leads to, in both ways.
struct RangeCheck {
  let range: ClosedRange<UInt64>
  let manifests: [UInt64: BaseManifest]
  let batches: BatchScan
  let live: Verification.Live?

  func run(_ check: GenerationCheck) throws {
    let chain = check.contents.chain(after: range.lowerBound)
    let base = manifests[range.lowerBound]
    if let base {
      let plan = RestorePlan(
        contents: check.contents, manifest: base, slices: chain.slices, transaction: chain.end,
        time: base.time,
        state: base.state, notices: [])
      let file = try check.work.file("wal", .create)
      let writer = BaseWriter(source: check.source, manifest: base, file: file)
      let needed =
        Int(base.state.pages) * base.state.pageSize * (1 + replayTransactions(until: chain.end).count)
      try check.requireRoom(max(needed - file.size(), 0) + (1 << 20))
      let parts = try writer.check(stopAtFirst: false)
      check.parts.merge(parts.known) { $1 }
      for fault in parts.faults { try check.note(fault) }
      try apply(plan, file, isWhole: parts.faults.isEmpty, check)
    } else {
      try checkSingly(chain.slices, check)
    }
    for name in ["wal"] + (0..<2).map({ ChainRun.copyName($0) }) { try check.work.remove(name) }
    try checkLaterBases(check)
  }

  /// Where replays begin: after the last barrier, and where `.restore sql` begins, which takes the newest base and so may start
  /// with other statistics or row numbers in memory.
  private func replayTransactions(until end: UInt64) -> [UInt64] {
    guard batches.isComplete else { return [] }
    let barrier = batches.lastBarrier?.transaction ?? 0
    let newest = manifests.keys.filter { $0 <= end && range.contains($0) }.max() ?? range.lowerBound
    return Set([max(barrier, range.lowerBound), max(barrier, newest)]).sorted()
  }

  /// Bases within the run: their parts, and each must be the state that the slices lead to.
  private func checkLaterBases(_ check: GenerationCheck) throws {
    for (transaction, manifest) in manifests.sorted(by: { $0.key < $1.key })
    where range.contains(transaction) && transaction != range.lowerBound {
      let writer = BaseWriter(source: check.source, manifest: manifest, file: nil, known: check.parts)
      let parts = try writer.check(stopAtFirst: false)
      check.parts.merge(parts.known) { $1 }
      for fault in parts.faults { try check.note(fault) }
    }
  }

  /// Slices that cannot be applied are still read, each by itself.
  private func checkSingly(_ slices: [SliceName], _ check: GenerationCheck) throws {
    let fetcher = fetcher(slices, check)
    while let (name, result) = try fetcher.next() { try check.noting(name) { _ = try result.get() } }
  }

  private func fetcher(_ slices: [SliceName], _ check: GenerationCheck) -> ObjectFetcher<[UInt8]> {
    let generation = check.generation
    let items = slices.map {
      FetchItem(name: ReplicaLayout.slice(generation, $0), size: check.contents.sliceSizes[$0] ?? 0)
    }
    return ObjectFetcher(check.source, items) { object, bytes in
      let slice = try SliceReader(bytes, object: object)
      if let name = SliceName(key: object) { try slice.header.require(generation, name, object: object) }
      return bytes
    }
  }

  /// Applies every slice, compares each commit with its batch and with bases on the way, and then the contents.
  private func apply(_ plan: RestorePlan, _ file: File, isWhole: Bool, _ check: GenerationCheck) throws {
    let run = ChainRun(plan: plan, file: file, batches: batches, manifests: manifests, check: check)
    if let live { run.liveTransaction = live.transaction }
    run.replayTransactions = replayTransactions(until: plan.transaction)
    run.isIntact = isWhole
    if isWhole { try run.reach(range.lowerBound) }
    let fetcher = fetcher(plan.slices, check)
    while let (name, result) = try fetcher.next() {
      let taken: Void? = try check.noting(name) { try run.take(result.get(), name) }
      if taken == nil { run.isIntact = false }
    }
    try run.finish(live)
  }
}
