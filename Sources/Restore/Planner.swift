import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Finds the generation, the base and the slices for a target.
struct Planner {
  let source: ObjectSource
  private(set) var target: RestoreTarget
  let options: Options
  /// Objects that were listed but missing when they were read, and were listed again since.
  var gone: Set<String> = []
  /// Called before the manifest of a base is read.
  var willRead: ((_ generation: GenerationID, _ base: BaseName) -> Void)?
  /// A base to keep as long as it leads to the target.
  var base: BaseName?
  private var catalog: ReplicaCatalog { source.catalog }

  /// The assumptions of a restore.
  struct Options: Sendable {
    /// Whether statements are needed too.
    var needsBatches = false
    /// Whether the plan may do without the slice that holds the end, because statements replace it.
    var toleratesLostEnd = false
    /// Whether a chain is accepted that ends before what witnesses prove.
    var allowsShorter = false
    /// A place that was stored once, by the record beside the database.
    var witness: Place?
  }

  init(
    source: ObjectSource, target: RestoreTarget, options: Options = Options(), gone: Set<String> = [],
    base: BaseName? = nil
  ) {
    self.source = source
    self.target = target
    self.options = options
    self.gone = gone
    self.base = base
  }

  /// Plans a restore.
  ///
  /// Throws `.hole`, or an error that names the object, if something in between is missing.
  func plan() throws -> RestorePlan {
    if target.isBeforeLast { return try planBeforeLast() }
    if let wanted = target.generation { return try plan(in: wanted) }
    // Witnesses are read before the listings (rule 15).
    let witnesses = try target.isOpen ? Witnesses(source, record: options.witness) : nil
    var history = try source.retry { _ in try ReplicaHistory(catalog) }
    guard let newest = history.newestMark else {
      throw RestoreError(.nothing, "\(catalog.store.url) holds no replica: check URL and prefix")
    }
    // Marks and records lead to the generation of an earlier moment, even if later ones are missing
    // or damaged.
    var sequence = newest
    while sequence > 1, let generation = try source.retry({ _ in try history.generation(sequence) }),
      try begins(after: generation)
    {
      sequence -= 1
    }
    guard sequence == newest else {
      guard let generation = try source.retry({ _ in try history.generation(sequence) }) else {
        throw try outOfRange(&history)
      }
      let contents = try source.retry { _ in try history.contents(of: generation) }
      guard !contents.bases.isEmpty else { throw try outOfRange(&history) }
      return try plan(contents, history: &history, witnesses: nil)
    }
    return try planAtEnd(&history, witnesses)
  }

  /// Plans for the end first, to learn its number.
  private func planBeforeLast() throws -> RestorePlan {
    var planner = self
    planner.target.isBeforeLast = false
    let last = try planner.plan().transaction
    guard last > 0 else {
      throw RestoreError(.range, "nothing is before the last transaction of \(catalog.store.url)")
    }
    planner.target.transaction = last - 1
    return try planner.plan()
  }

  /// Plans for a target in the newest generation with a mark, or in one that follows it.
  private func planAtEnd(_ history: inout ReplicaHistory, _ witnesses: Witnesses?) throws -> RestorePlan {
    guard let end = try source.retry({ _ in try history.end(batches: options.needsBatches) }) else {
      throw RestoreError(.nothing, "\(catalog.store.url) holds no replica: check URL and prefix")
    }
    var generation = end.generation
    while generation.id.sequence > 1, try begins(after: generation),
      let before = try source.retry({ _ in try history.generation(generation.id.sequence - 1) })
    {
      generation = before
    }
    let isEnd = generation.id == end.generation.id
    let contents =
      try isEnd && holds(end, target)
      ? end.contents : try source.retry { _ in try history.contents(of: generation) }
    guard !contents.bases.isEmpty else { throw try outOfRange(&history) }
    return try plan(contents, history: &history, witnesses: isEnd ? witnesses : nil)
  }

  /// Plans for a target in a named generation, whether it is on the chain or not.
  private func plan(in wanted: GenerationID) throws -> RestorePlan {
    let witnesses =
      try target.transaction == nil ? Witnesses(source, record: options.witness).of(wanted) : nil
    let contents = try source.retry { _ in try catalog.contents(of: wanted) }
    guard contents.objectCount > 0 else {
      throw RestoreError(.nothing, "\(catalog.store.url) has no generation \(wanted)")
    }
    guard !contents.bases.isEmpty else {
      throw RestoreError(.nothing, "generation \(wanted) has no base: nothing can be restored from it")
    }
    var history = try source.retry { _ in try ReplicaHistory(catalog) }
    return try plan(contents, history: &history, witnesses: witnesses)
  }

  /// Returns whether a target is after the newest base.
  private func holds(_ end: ReplicaHistory.End, _ target: RestoreTarget) throws -> Bool {
    if let wanted = target.transaction { return wanted >= end.base.transaction }
    if let wanted = target.time { return try manifest(end.generation.id, end.base).time <= wanted }
    return true
  }

  /// Returns whether the target is before a generation; its mark has the first transaction, its
  /// record the time.
  private func begins(after generation: ReplicaHistory.Generation) throws -> Bool {
    if let wanted = target.transaction { return wanted < generation.base.transaction }
    guard let wanted = target.time else { return false }
    let name = ReplicaLayout.record(generation.id)
    do {
      return try source.read(name) { try GenerationRecord($0, object: name) }.time > wanted
    } catch let error as FormatError where error.isMissing {
      // Retention removed it: nothing before it is left either.
      return false
    }
  }

  private func manifest(_ generation: GenerationID, _ base: BaseName) throws -> BaseManifest {
    willRead?(generation, base)
    return try source.read(base.key(in: generation)) { try catalog.manifest(generation, base, bytes: $0) }
  }

  // MARK: One generation

  private func plan(
    _ contents: GenerationContents, history: inout ReplicaHistory, witnesses: Witnesses?
  ) throws -> RestorePlan {
    var found: (base: BaseManifest, chain: Chain)?
    for base in candidates(contents) {
      if let wanted = target.transaction, base.transaction > wanted { continue }
      let chain = contents.chain(after: base)
      let manifest = try manifest(contents.generation, base)
      if let wanted = target.time, manifest.time > wanted { continue }
      found = (manifest, chain)
      break
    }
    guard let (base, chain) = found else { throw try outOfRange(&history) }
    if let plan = planByStatements(contents, base, chain) { return plan }
    let end = ChainEnd(source: source, generation: contents.generation, base: base, chain: chain)
    var notices: [String] = []
    let moment: ChainEnd.Moment
    if let time = target.time {
      moment = try end.last(notAfter: time)
    } else {
      if let wanted = target.transaction, wanted > chain.end {
        try refuseGap(contents, chain)
        throw try outOfRange(&history)
      }
      moment = try self.moment(of: target.transaction ?? chain.end, end, &notices)
    }
    if moment.transaction == chain.end, target.transaction == nil, chain.seal == nil {
      try checkEnd(contents, chain, moment, witnesses, successor: successor(contents, &history), &notices)
    }
    return RestorePlan(
      contents: contents, manifest: base,
      slices: chain.objects.filter { $0.transactions.lowerBound <= moment.transaction },
      transaction: moment.transaction, time: moment.time, state: moment.state, notices: notices)
  }

  /// Plans to the end of the statements if the log cannot be read up to the target.
  ///
  /// Returns nil if the log can be read, or if the statements do not reach further.
  private func planByStatements(
    _ contents: GenerationContents, _ base: BaseManifest, _ chain: Chain
  ) -> RestorePlan? {
    guard options.toleratesLostEnd, target.time == nil, let damage = chain.damage else { return nil }
    let reach = contents.batchesReach(from: base.transaction)
    let wanted = target.transaction ?? reach
    guard wanted > chain.end, wanted <= reach else { return nil }
    var plan = RestorePlan(
      contents: contents, manifest: base, slices: chain.objects, transaction: wanted, time: base.time,
      state: base.state, notices: ["the log is damaged (\(damage)); statements do not need it"])
    plan.damage = damage
    return plan
  }

  private func candidates(_ contents: GenerationContents) -> [BaseName] {
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
      where options.toleratesLostEnd && (!error.isMissing || gone.contains(error.object))
    {
      notices.append("the log is damaged at its end (\(error)); statements do not need it")
      return ChainEnd.Moment(transaction: transaction, time: end.base.time, state: end.base.state)
    }
  }

  /// Returns the mark of the generation after this one; nil if there is none.
  private func successor(_ contents: GenerationContents, _ history: inout ReplicaHistory) throws
    -> MarkRecord?
  {
    let sequence = contents.generation.sequence
    guard let newest = history.newestMark, sequence < newest else { return nil }
    return try source.retry { _ in try catalog.mark(sequence + 1) }
  }

  /// Checks for the newest state that this is really the end.
  private func checkEnd(
    _ contents: GenerationContents, _ chain: Chain, _ moment: ChainEnd.Moment, _ witnesses: Witnesses?,
    successor: MarkRecord?, _ notices: inout [String]
  ) throws {
    try refuseGap(contents, chain)
    if let time = target.time, time > moment.time {
      notices.append("nothing later than transaction \(chain.end) is in generation \(contents.generation)")
    }
    if !chain.unfinished.isEmpty {
      notices.append("transaction \(chain.end + 1) was never stored whole; it is left out")
    }
    var found = witnesses?.testimonies(against: chain, contents) ?? []
    if let successor, let seal = successor.seal, seal.generation == contents.generation,
      seal.transaction - 1 > chain.end
    {
      found.append(
        "\(successor.key) says that transaction \(seal.transaction - 1) was stored, but the log ends with \(chain.end): a "
          + "slice was lost")
    }
    guard !found.isEmpty else { return }
    guard options.allowsShorter else {
      throw RestoreError(
        .hole,
        "restore \(catalog.store.url): \(found.joined(separator: "; ")); \(chain.tip.key) is missing; "
          + "--allow-shorter takes what is left")
    }
    notices += found
  }

  /// Throws if an object past the end proves that an earlier one was lost (rule 14).
  private func refuseGap(_ contents: GenerationContents, _ chain: Chain) throws {
    if let damage = chain.damage { throw damage }
    guard let proof = contents.proofOfLoss(after: chain) else { return }
    throw RestoreError(.hole, "read \(chain.tip.key): it is missing; \(proof)")
  }

  /// Throws an error that lists the states that can be restored instead.
  private func outOfRange(_ history: inout ReplicaHistory) throws -> RestoreError {
    var ranges: [String] = []
    let all = try source.retry { _ in try history.all() }
    for generation in all where target.generation ?? generation.id == generation.id {
      let contents = try source.retry { _ in try history.contents(of: generation) }
      for (base, chain) in contents.restorable {
        var text = "transactions \(base.transaction) to \(chain.end)"
        if target.time != nil {
          let first = try manifest(generation.id, base)
          let end = ChainEnd(source: source, generation: generation.id, base: first, chain: chain)
          text =
            "\(ISOTime.text(first.time)) to \(ISOTime.text(try end.moment(of: chain.end).time)) (\(text))"
        }
        ranges.append("\(text) of generation \(generation.id)")
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
