import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Finds the generation, the base and the slices that lead to a moment.
struct Planner {
  let source: ObjectSource
  let target: RestoreTarget
  /// Whether the plan may do without the slice that holds the end: statements bring back what it tells.
  var toleratesLostEnd = false
  /// Whether it is an error, and no notice, that something reaches further than the log.
  var refusesLostEnd = false
  /// Objects that were listed, but were not there when they were read, and were listed again since.
  var gone: Set<String> = []
  /// A base to stay with as long as it leads there.
  var base: UInt64?
  private var catalog: ReplicaCatalog { source.catalog }

  /// What the replica's index names, once it was read.
  private var names = Witnesses.Names.unread

  init(
    source: ObjectSource, target: RestoreTarget, toleratesLostEnd: Bool = false,
    refusesLostEnd: Bool = false, gone: Set<String> = [], base: UInt64? = nil
  ) {
    self.source = source
    self.target = target
    self.toleratesLostEnd = toleratesLostEnd
    self.refusesLostEnd = refusesLostEnd
    self.gone = gone
    self.base = base
  }

  /// Plans a restore.
  ///
  /// Throws `.hole`, or an error that names the object, where something between is missing.
  func plan() throws -> RestorePlan {
    var planner = self
    if gone.isEmpty, base == nil, target == RestoreTarget() {
      let record = try readIndex()
      planner.names = .read(record)
      if let record, let plan = try planner.plan(following: record) { return plan }
    }
    var index = try source.retry { _ in try ReplicaIndex(brief: catalog) }
    return try planner.plan(&index)
  }

  /// Nil where there is none that is whole.
  private func readIndex() throws -> IndexRecord? {
    try Self.orNil { try IndexRecord(source.retry { _ in try catalog.read(ReplicaLayout.index) }) }
  }

  /// Plans with the replica's index; nil where listings have to tell.
  private func plan(following record: IndexRecord) throws -> RestorePlan? {
    try Self.orNil {
      guard var index = try source.retry({ _ in try ReplicaIndex(catalog, following: record) }) else {
        return nil
      }
      var strict = self
      strict.toleratesLostEnd = false
      let plan = try strict.plan(&index)
      // What has to be told is told of what is there.
      return plan.notices.isEmpty ? plan : nil
    }
  }

  /// Nil instead of an error that is neither an interruption nor a failure of the store.
  private static func orNil<Value>(_ body: () throws -> Value?) throws -> Value? {
    do {
      return try body()
    } catch let error as RestoreError where error.code == .interrupted {
      throw error
    } catch let error as ObjectStoreError where error.isTransient {
      throw error
    } catch {
      return nil
    }
  }

  private func plan(_ index: inout ReplicaIndex) throws -> RestorePlan {
    guard !index.generations.isEmpty else {
      throw RestoreError(.nothing, "\(catalog.store.url) holds no replica")
    }
    if let wanted = target.generation {
      guard index.generations.contains(wanted) else {
        throw RestoreError(.nothing, "\(catalog.store.url) has no generation \(wanted)")
      }
      let contents = try self.contents(of: wanted, &index)
      guard !contents.bases.isEmpty else {
        try refuseLostBase(contents)
        throw RestoreError(.nothing, "generation \(wanted) has no base: nothing can be restored from it")
      }
      return try plan(contents, &index)
    }
    var notices: [String] = []
    for generation in index.generations.reversed() {
      let contents = try self.contents(of: generation, &index)
      guard let first = contents.bases.first else {
        if try endsBefore(contents) { continue }
        try refuseLostBase(contents)
        // Nothing was acknowledged in it, so all that was is in the one before.
        notices.append(
          "generation \(generation) has no base: its upload was never finished; this is the state before it")
        continue
      }
      // An earlier moment lies in an earlier generation.
      if let wanted = target.transaction, wanted < first { continue }
      if let wanted = target.time, try manifest(generation, first).time > wanted { continue }
      var plan = try plan(contents, &index)
      plan.notices = notices + plan.notices
      return plan
    }
    if target.transaction == nil, target.time == nil {
      throw RestoreError(.nothing, "\(catalog.store.url) holds nothing that can be restored yet")
    }
    throw try outOfRange(&index)
  }

  private func contents(of generation: GenerationID, _ index: inout ReplicaIndex) throws -> GenerationContents
  {
    try source.retry { _ in try index.contents(of: generation) }
  }

  private func manifest(_ generation: GenerationID, _ transaction: UInt64) throws -> BaseManifest {
    try source.read(ReplicaLayout.base(generation, transaction: transaction)) {
      try catalog.manifest(generation, transaction: transaction, bytes: $0)
    }
  }

  // MARK: A generation without a base

  /// Whether the moment asked for lies before a generation that has no base.
  private func endsBefore(_ contents: GenerationContents) throws -> Bool {
    if let wanted = target.transaction {
      guard let first = contents.slices.map(\.transactions.lowerBound).min() else { return true }
      return wanted + 1 < first
    }
    guard let wanted = target.time else { return false }
    let name = ReplicaLayout.record(contents.generation)
    guard let record = try? source.read(name, as: { try GenerationRecord($0, object: name) }) else {
      return false
    }
    return wanted < record.time
  }

  /// A generation that says so, or whose slices were acknowledged, had a base: then it has been lost.
  private func refuseLostBase(_ contents: GenerationContents) throws {
    let generation = contents.generation
    if contents.isComplete {
      let name = ReplicaLayout.complete(generation)
      let first = try? source.read(name, as: { try CompletionRecord($0, object: name) }).transaction
      throw FormatError(
        first.map { ReplicaLayout.base(generation, transaction: $0) } ?? ReplicaLayout.bases(generation),
        "it is missing from \(catalog.store.url)")
    }
    guard let first = contents.slices.map(\.transactions.lowerBound).min(),
      let last = contents.slices.max(by: { $0.description < $1.description })
    else { return }
    let header = try source.retry { _ in try catalog.sliceHeader(generation, last) }
    guard header.acknowledged > 0 else { return }
    throw FormatError(
      ReplicaLayout.base(generation, transaction: first - 1), "it is missing from \(catalog.store.url)")
  }

  // MARK: One generation

  private func plan(_ contents: GenerationContents, _ index: inout ReplicaIndex) throws -> RestorePlan {
    var base: BaseManifest?
    let reach = contents.reach
    for transaction in candidates(contents) {
      if let wanted = target.transaction, transaction > wanted { continue }
      // Slices on both sides of it have become one object, as early versions did: what an older base reaches is whole.
      if contents.isBridged(transaction, to: reach) { continue }
      let manifest = try manifest(contents.generation, transaction)
      if let wanted = target.time, manifest.time > wanted { continue }
      base = manifest
      break
    }
    guard let base else { throw try outOfRange(&index) }
    let chain = contents.chain(after: base.transaction)
    let end = ChainEnd(source: source, contents: contents, base: base, chain: chain)
    var notices: [String] = []
    let moment: ChainEnd.Moment
    if let time = target.time {
      moment = try end.last(notAfter: time)
    } else {
      if let wanted = target.transaction, wanted > chain.end {
        try explainGap(contents, chain, notices: &notices)
        throw try outOfRange(&index)
      }
      moment = try self.moment(of: target.transaction ?? chain.end, end, &notices)
    }
    if moment.transaction == chain.end, target.transaction == nil {
      try explainGap(contents, chain, notices: &notices)
      if let time = target.time, time > moment.time {
        notices.append("nothing later than transaction \(chain.end) is in generation \(contents.generation)")
      }
      try noteWitnesses(contents, chain, &notices)
    }
    let slices = chain.slices.filter { $0.transactions.lowerBound <= moment.transaction }
    return RestorePlan(
      contents: contents, manifest: base, slices: slices, transaction: moment.transaction, time: moment.time,
      state: moment.state, notices: notices)
  }

  private func candidates(_ contents: GenerationContents) -> [UInt64] {
    guard let base, let wanted = target.transaction, contents.bases.contains(base),
      contents.chain(after: base).end >= wanted
    else { return contents.bases.reversed() }
    return [base] + contents.bases.reversed()
  }

  private func moment(
    of transaction: UInt64, _ end: ChainEnd, _ notices: inout [String]
  ) throws -> ChainEnd.Moment {
    do {
      return try end.moment(of: transaction)
    } catch let error as FormatError
      where toleratesLostEnd && (!error.isMissing || gone.contains(error.object))
    {
      notices.append("the log is damaged at its end (\(error)); statements do not need it")
      return ChainEnd.Moment(transaction: transaction, time: end.base.time, state: end.base.state)
    }
  }

  /// Tells an upload that was cut off, after which nothing was acknowledged, from an object that has been lost.
  private func explainGap(
    _ contents: GenerationContents, _ chain: SliceChain, notices: inout [String]
  ) throws {
    for name in chain.beyond {
      let header = try source.retry { _ in try catalog.sliceHeader(contents.generation, name) }
      guard header.acknowledged <= chain.end else {
        throw RestoreError(
          .hole,
          "read \(ReplicaLayout.slices(contents.generation)): the slice that begins with transaction "
            + "\(chain.end + 1) is missing; \(name) comes after it")
      }
    }
    guard !chain.beyond.isEmpty else { return }
    notices.append(
      "the upload of transactions after \(chain.end) was never finished; they are left out")
  }

  /// Says what reaches further than the log; throws it where that must not be.
  private func noteWitnesses(
    _ contents: GenerationContents, _ chain: SliceChain, _ notices: inout [String]
  ) throws {
    guard chain.beyond.isEmpty else { return }
    let witnesses = Witnesses(
      source: source, contents: contents, end: chain.end,
      isNewest: target.generation == nil && target.time == nil, names: names)
    let found = try witnesses.testimonies()
    guard refusesLostEnd, !found.isEmpty else { return notices += found }
    throw RestoreError(.hole, "restore \(catalog.store.url): \(found.joined(separator: "; "))")
  }

  /// Says what can be restored instead.
  private func outOfRange(_ index: inout ReplicaIndex) throws -> RestoreError {
    var ranges: [String] = []
    for generation in index.generations where target.generation ?? generation == generation {
      let contents = try self.contents(of: generation, &index)
      for range in contents.restorable {
        var text = "transactions \(range.lowerBound) to \(range.upperBound)"
        if target.time != nil {
          let first = try manifest(generation, range.lowerBound)
          let end = ChainEnd(
            source: source, contents: contents, base: first, chain: contents.chain(after: range.lowerBound))
          text =
            "\(ISOTime.text(first.time)) to \(ISOTime.text(try end.moment(of: range.upperBound).time)) (\(text))"
        }
        ranges.append("\(text) of generation \(generation)")
      }
    }
    let wanted =
      target.transaction.map { "transaction \($0)" } ?? target.time.map { ISOTime.text($0) } ?? "this moment"
    return RestoreError(
      .range,
      "\(wanted) cannot be restored: \(catalog.store.url) holds "
        + (ranges.isEmpty ? "nothing that can be restored" : ranges.joined(separator: ", ")))
  }
}
