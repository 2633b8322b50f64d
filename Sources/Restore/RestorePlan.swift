import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Which moment to restore.
package struct RestoreTarget: Hashable, Sendable {
  /// Nil for the newest that can be restored.
  package var generation: GenerationID?
  /// The state after this transaction.
  package var transaction: UInt64?
  /// The state after the last transaction at or before this time, microseconds since 1970.
  package var time: Int64?
  package init() {}
}

/// What to fetch for a restore, found from listings alone.
package struct RestorePlan: Sendable {
  package let contents: GenerationContents
  package let manifest: BaseManifest
  /// Objects of slices in the order to apply them.
  package let slices: [SliceName]
  /// The last transaction to apply.
  package let transaction: UInt64
  /// What a person should know, such as transactions whose upload was never finished.
  package let notices: [String]

  package var generation: GenerationID { contents.generation }

  /// Plans a restore of a target.
  ///
  /// Throws `.hole`, naming the object, where something between is missing.
  package static func make(_ catalog: ReplicaCatalog, _ target: RestoreTarget) throws -> RestorePlan {
    let generations = try catalog.generations()
    guard !generations.isEmpty else {
      throw RestoreError(.nothing, "\(catalog.store.url) holds no replica")
    }
    var notices: [String] = []
    if let wanted = target.generation {
      guard generations.contains(wanted) else {
        throw RestoreError(.nothing, "\(catalog.store.url) has no generation \(wanted)")
      }
      return try plan(catalog, catalog.contents(of: wanted), target, notices: [])
    }
    for generation in generations.reversed() {
      let contents = try catalog.contents(of: generation)
      guard let first = contents.bases.first else {
        try refuseLostBase(catalog, contents)
        notices.append("generation \(generation) has no base yet; using the one before")
        continue
      }
      // An earlier moment lies in an earlier generation.
      if let wanted = target.transaction, wanted < first { continue }
      if let wanted = target.time, try catalog.manifest(generation, transaction: first).time > wanted {
        continue
      }
      return try plan(catalog, contents, target, notices: notices)
    }
    let wanted = target.transaction.map { "as old as transaction \($0)" } ?? "that could be restored"
    throw RestoreError(
      target.transaction == nil && target.time == nil ? .nothing : .range,
      ([catalog.store.url + " holds nothing \(wanted)"] + notices).joined(separator: "; "))
  }

  /// A generation whose slices were acknowledged had a base: then it has been lost.
  private static func refuseLostBase(_ catalog: ReplicaCatalog, _ contents: GenerationContents) throws {
    guard let first = contents.slices.map(\.transactions.lowerBound).min(),
      let last = contents.slices.max(by: { $0.description < $1.description })
    else { return }
    guard try catalog.sliceHeader(contents.generation, last).acknowledged > 0 else { return }
    throw FormatError(
      ReplicaLayout.base(contents.generation, transaction: first - 1),
      "it is missing from \(catalog.store.url)")
  }

  private static func plan(
    _ catalog: ReplicaCatalog, _ contents: GenerationContents, _ target: RestoreTarget, notices: [String]
  ) throws -> RestorePlan {
    var notices = notices
    var base: BaseManifest?
    for transaction in contents.bases.reversed() {
      if let wanted = target.transaction, transaction > wanted { continue }
      let manifest = try catalog.manifest(contents.generation, transaction: transaction)
      if let wanted = target.time, manifest.time > wanted { continue }
      base = manifest
      break
    }
    guard let base else {
      throw RestoreError(.range, "generation \(contents.generation) begins after the moment asked for")
    }
    let chain = contents.chain(after: base.transaction)
    if let wanted = target.transaction {
      guard wanted <= chain.end || !chain.beyond.isEmpty else {
        throw RestoreError(.range, "the replica ends with transaction \(chain.end)")
      }
    }
    if chain.end < target.transaction ?? .max, let beyond = chain.beyond.first {
      try explainGap(catalog, contents, chain, beyond, notices: &notices)
      if let wanted = target.transaction, wanted > chain.end {
        throw RestoreError(.range, "the replica ends with transaction \(chain.end)")
      }
    }
    let last = min(target.transaction ?? chain.end, chain.end)
    let slices = chain.slices.filter { $0.transactions.lowerBound <= last }
    return RestorePlan(
      contents: contents, manifest: base, slices: slices, transaction: last, notices: notices)
  }

  /// Tells an upload that was cut off, after which nothing was acknowledged, from an object that has been lost.
  private static func explainGap(
    _ catalog: ReplicaCatalog, _ contents: GenerationContents, _ chain: SliceChain, _ beyond: SliceName,
    notices: inout [String]
  ) throws {
    for name in chain.beyond {
      let header = try catalog.sliceHeader(contents.generation, name)
      guard header.acknowledged <= chain.end else {
        throw RestoreError(
          .hole,
          "read \(ReplicaLayout.slices(contents.generation)): the slice that begins with transaction "
            + "\(chain.end + 1) is missing; \(beyond) comes after it")
      }
    }
    notices.append(
      "the upload of transactions after \(chain.end) was never finished; they are left out")
  }
}
