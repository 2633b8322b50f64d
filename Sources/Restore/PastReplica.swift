import ObjectStore
package import Replica
import ReplicaCatalog
import ReplicaFormat

/// Opens moments of one replica, to read them page by page.
///
/// Moments after the same base share a `PageHistory`, so a further one costs only the difference.
///
/// Belongs to one thread at a time.
package final class PastReplica {
  package let source: ObjectSource
  private let opening: OpeningStore
  private let cache: ReplicaCache
  private var histories: [String: PageHistory] = [:]
  /// The maximum number of kept histories; each may use some megabytes of memory.
  private static let most = 4

  package init(_ source: ObjectSource, _ cache: ReplicaCache) {
    opening = OpeningStore(source.catalog.store)
    self.source = source.reading(through: opening)
    self.cache = cache
  }

  /// Opens the state after a moment, with the plan of a restore.
  ///
  /// Uses the history of `near` if that contains the moment.
  package func open(_ target: RestoreTarget, near other: PageReader? = nil) throws -> PageReader {
    if let other, let wanted = target.transaction, let reader = try open(wanted, in: other.history) {
      return reader
    }
    // What was fetched early is used when the history is made, and not needed afterwards.
    defer { opening.end() }
    let plan = try plan(target, base: other?.history.manifest.name)
    return try PageReader(history(of: plan), at: plan.transaction)
  }

  /// Opens a transaction in a history that is already open; nil if the history does not contain it.
  package func open(_ transaction: UInt64, in history: PageHistory) throws -> PageReader? {
    guard transaction >= history.manifest.transaction, transaction <= history.end else { return nil }
    return try PageReader(history, at: transaction)
  }

  /// Returns the ranges of transactions that can be read, in order; those between them were
  /// removed.
  ///
  /// Each call lists the objects of the replica once.
  package func runs() throws -> [ClosedRange<UInt64>] {
    var history = try source.retry { _ in try ReplicaHistory(source.catalog) }
    var found: [ClosedRange<UInt64>] = []
    for generation in try source.retry({ _ in try history.all() }) {
      let contents = try source.retry { _ in try history.contents(of: generation) }
      for (base, chain) in contents.restorable { found.append(base.transaction...chain.end) }
    }
    return found
  }

  /// Returns the process of each session of the replica, by the session's number.
  package func authors() throws -> [String: String] {
    var history = try source.retry { _ in try ReplicaHistory(source.catalog) }
    var found: [String: String] = [:]
    for generation in try source.retry({ _ in try history.all() }) {
      let contents = try source.retry { _ in try source.catalog.contents(of: generation.id, .everything) }
      // The first session of a generation has no turn in it.
      if case .slice(let header, _)? = contents.entries[generation.base.next(in: generation.id)],
        let record = try? source.read(
          ReplicaLayout.record(generation.id),
          as: { try GenerationRecord($0, object: ReplicaLayout.record(generation.id)) })
      {
        let writer = record.writer.prefix { $0 != "(" }
        found["\(EntryID(header.entry.session))"] =
          writer.last == " " ? String(writer.dropLast()) : String(writer)
      }
      for case .turn(let turn) in contents.entries.values {
        found["\(EntryID(turn.session.number))"] = "process \(turn.session.process) on \(turn.session.host)"
      }
    }
    return found
  }

  private lazy var access: ReplicaAccess = {
    let source = source
    return ReplicaAccess(
      url: source.catalog.store.url, isEncrypted: source.catalog.store.encryption != nil,
      read: { name, range in try source.readOnce(name, range) },
      checkInterrupt: { try source.checkInterrupt() })
  }()

  private func plan(_ target: RestoreTarget, base: BaseName?) throws -> RestorePlan {
    if let plan = try planAtOnce(target, base: base) { return plan }
    var gone: Set<String> = []
    while true {
      do {
        return try planner(target, base: base, gone: gone).plan()
      } catch let error as FormatError where error.isMissing {
        guard gone.count < Replanning.most, gone.insert(error.object).inserted else { throw error }
        try source.pause(Replanning.pause)
      }
    }
  }

  private func planner(_ target: RestoreTarget, base: BaseName?, gone: Set<String> = []) -> Planner {
    var planner = Planner(source: source, target: target, gone: gone, base: base)
    planner.willRead = { [cache, opening] generation, base in
      let request = OpeningStore.mapRequest(base, generation)
      if !cache.knowsMap(request.name) { opening.start([request]) }
    }
    return planner
  }

  /// Plans with requests that are made together; nil if that shows a contradiction.
  ///
  /// The lease may be younger than the listing here, so it may name an entry that the listing lacks.
  /// Then everything is read again in the order of rule 13 (`Docs/Protocol.md`).
  private func planAtOnce(_ target: RestoreTarget, base: BaseName?) throws -> RestorePlan? {
    // A folder answers at once, and a listing of all of it takes longer than its parts.
    guard !source.catalog.store.url.hasPrefix("file:") else { return nil }
    opening.begin(target, cache)
    defer { opening.forgetListing() }
    do {
      return try planner(target, base: base).plan()
    } catch is FormatError {
      opening.end()
      return nil
    } catch let error as RestoreError where error.code == .hole {
      opening.end()
      return nil
    }
  }

  private func history(of plan: RestorePlan) -> PageHistory {
    if let known = histories[plan.manifest.key], known.end >= plan.transaction { return known }
    let source = source
    let generation = plan.generation
    let base = plan.manifest.name
    let history = PageHistory(
      access, cache, base: plan.manifest, objects: plan.contents.chain(after: base).objects
    ) { _ in
      try source.pause(Replanning.pause)
      let contents = try source.retry { _ in try source.catalog.contents(of: generation) }
      return contents.chain(after: base).objects
    }
    if histories.count >= Self.most { histories = [:] }
    histories[plan.manifest.key] = history
    return history
  }
}

extension ObjectSource {
  /// Reads an object, or a range of its bytes, for a reader of single pages.
  fileprivate func readOnce(_ name: String, _ range: Range<Int>?) throws -> [UInt8] {
    guard let range else { return try read(name) }
    return try retry { _ in try catalog.store.content(of: name, range).bytes }
  }
}
