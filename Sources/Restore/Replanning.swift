import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// The plan of a restore, which is made again if a listed object is gone.
///
/// While a restore reads, the writer deletes objects that merged objects have replaced, and old
/// history. Then other objects lead to the same state, which a new listing shows.
final class Replanning {
  /// Thrown if the work must begin again with another plan.
  struct PlannedAnew: Error {}

  let source: ObjectSource
  private let target: RestoreTarget
  private let options: Planner.Options
  private var gone: Set<String> = []
  private(set) var plan: RestorePlan
  /// Whether this is not the first plan any more.
  private(set) var hasChanged = false

  /// The maximum number of different missing objects before it gives up.
  static let most = 16
  /// Seconds before the next listing: listings may be late.
  static let pause = 0.5

  /// Plans.
  init(source: ObjectSource, target: RestoreTarget, options: Planner.Options = Planner.Options()) throws {
    self.source = source
    self.target = target
    self.options = options
    plan = try Self.plan(source, target, options, &gone, base: nil)
  }

  /// Plans until every object that planning needs is there.
  private static func plan(
    _ source: ObjectSource, _ target: RestoreTarget, _ options: Planner.Options, _ gone: inout Set<String>,
    base: BaseName?
  ) throws -> RestorePlan {
    var hasHole = false
    while true {
      // After an object was missing, only objects that exist now count.
      let planner = Planner(source: source, target: target, options: options, gone: gone, base: base)
      do {
        return try planner.plan()
      } catch let error as FormatError where error.isMissing {
        try note(error, &gone)
        try source.pause(pause)
      } catch let error as RestoreError where error.code == .hole && !hasHole {
        // A listing may show the last object and miss the one before.
        hasHole = true
        try source.pause(pause)
      }
    }
  }

  /// Throws the error if the object was missing before, or if too many were.
  private static func note(_ error: FormatError, _ gone: inout Set<String>) throws(FormatError) {
    guard gone.count < most, gone.insert(error.object).inserted else { throw error }
  }

  private func plan(for target: RestoreTarget, base: BaseName? = nil) throws -> RestorePlan {
    try Self.plan(source, target, options, &gone, base: base)
  }

  /// Plans for the same state without an object; throws the error if nothing leads there.
  ///
  /// If the newest state was requested and its history was removed meanwhile, a later state
  /// replaces it.
  func replan(without error: FormatError) throws {
    try Self.note(error, &gone)
    try source.pause(Self.pause)
    let new = try sameMoment(without: error)
    guard !new.needs(error.object) else { throw error }
    plan = new
    hasChanged = true
  }

  private func sameMoment(without error: FormatError) throws -> RestorePlan {
    var same = RestoreTarget()
    same.generation = plan.generation
    same.transaction = plan.transaction
    do {
      // Of another, newer base nothing is fetched yet.
      var new = try plan(for: same, base: plan.manifest.name)
      new.notices = plan.notices
      return new
    } catch let reason as RestoreError where reason.tellsOfReplica {
      guard target.transaction == nil, target.time == nil,
        var later = try laterMoment()
      else { throw FormatError(error.object, "\(error.cause); \(reason)", isMissing: true) }
      later.notices.append(
        "transaction \(plan.transaction) of generation \(plan.generation) was to be restored, but its history has been "
          + "removed meanwhile: this is the newest state")
      return later
    }
  }

  /// Returns the newest state, if it is later than the planned one.
  private func laterMoment() throws -> RestorePlan? {
    do {
      let later = try plan(for: target)
      return (later.generation, later.transaction) > (plan.generation, plan.transaction) ? later : nil
    } catch let reason as RestoreError where reason.tellsOfReplica {
      return nil
    }
  }

  /// Returns what to read after a transaction that the old plan has reached, without a missing
  /// object.
  ///
  /// Throws `PlannedAnew` if nothing continues from there.
  func replan(
    without error: FormatError, after point: ChainPoint, upTo last: UInt64
  ) throws -> [ChainObject] {
    let old = plan
    try replan(without: error)
    guard plan.generation == old.generation, plan.manifest.name == old.manifest.name,
      plan.transaction == old.transaction,
      let first = plan.slices.firstIndex(where: { $0.transactions.upperBound > point.transaction })
    else { throw PlannedAnew() }
    let next = plan.slices[first...].filter { $0.transactions.lowerBound <= last }
    guard next.first?.transactions.lowerBound == point.transaction + 1,
      !next.contains(where: { $0.key == error.object })
    else { throw PlannedAnew() }
    return next
  }

  /// Runs `body`, and runs it again with another plan if an object that it read is gone.
  ///
  /// Files that it has written into the folder are used again. `again` gets each plan except the
  /// first.
  func building<Built>(
    in folder: RestoreFolder, _ body: (RestorePlan) throws -> Built,
    again: (RestorePlan) throws -> Void = { _ in }
  ) throws -> Built {
    while true {
      do {
        return try body(plan)
      } catch is PlannedAnew {
        // It is fetched already.
      } catch let error as FormatError where error.isMissing {
        try replan(without: error)
      }
      try folder.turn(to: plan, from: source.catalog.store.url)
      try again(plan)
    }
  }
}

extension RestoreError {
  /// Whether an error means that the target is not in the replica.
  fileprivate var tellsOfReplica: Bool { code == .range || code == .hole || code == .nothing }
}
