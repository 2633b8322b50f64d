import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization
import TestSupport
import Testing

@testable import Restore

/// Tests restores from replicas in which objects are replaced and removed after a listing.
@Suite struct ReplanningTests {
  private let rig: ReplacingRig

  init() throws { rig = try ReplacingRig() }

  enum Moment: CaseIterable { case newest, transaction, time, generation }

  private func target(_ moment: Moment) throws -> RestoreTarget {
    var target = RestoreTarget()
    switch moment {
    case .newest: break
    case .transaction: target.transaction = rig.last
    case .time: target.time = .max
    case .generation: target.generation = rig.generation
    }
    return target
  }

  /// Restores, and compares with the mirrored database.
  @discardableResult
  private func expectWhole(
    _ store: TurningStore, _ source: Restore.Source, _ target: RestoreTarget = .init(), verifies: Bool = false
  ) throws -> Restore.Report {
    var restore = Restore(ReplicaCatalog(store))
    restore.target = target
    restore.verifies = verifies
    let output = rig.folder.path + "/restored.db"
    let report = try restore.run(source, to: output)
    #expect(store.hasTurned)
    #expect(try content(output) == rig.rows)
    #expect(report.transaction == rig.last)
    #expect(report.notices.allSatisfy { !$0.contains("removed") }, "\(report.notices)")
    return report
  }

  @Test(arguments: Moment.allCases, [(1, 12), (4, 9)] as [(UInt64, UInt64)])
  func slicesThatWereMerged(_ moment: Moment, _ merged: (UInt64, UInt64)) throws {
    let slice = try rig.slice(rig.base + 6)
    let after = try rig.copy { try rig.merge(rig.base + merged.0...rig.base + merged.1, in: $0) }
    let store = TurningStore(rig.store, into: after) { $0 == slice }
    let report = try expectWhole(store, .wal, target(moment))
    #expect(report.slices == 12 - Int(merged.1 - merged.0))
  }

  @Test(arguments: [Restore.Source.wal, .sql], [true, false])
  func everythingThatWasMerged(_ source: Restore.Source, verifies: Bool) throws {
    let folder = source == .sql || verifies ? "/sql/" : "/wal/"
    let after = try rig.copy { store in
      for first: UInt64 in [1, 7] {
        try rig.merge(rig.base + first...rig.base + first + 5, in: store)
        try rig.mergeBatches(rig.base + first...rig.base + first + 5, in: store)
      }
    }
    let count = Mutex(0)
    // Some have been fetched by then.
    let store = TurningStore(rig.store, into: after) { name in
      guard name.contains(folder) else { return false }
      return count.withLock {
        $0 += 1; return $0 > 3
      }
    }
    let report = try expectWhole(store, source, verifies: verifies)
    #expect(report.proof != nil || !verifies)
  }

  /// The listing was made while objects arrived, and shows only the later of two.
  @Test func aHoleThatOnlyTheListingHas() throws {
    let missed = try ObjectKey(rig.slice(rig.base + 6))
    let before = try rig.copy { try $0.delete(missed) }
    let store = TurningStore(before, into: rig.store) { $0.contains("/wal/") }
    try expectWhole(store, .wal)
  }

  @Test(arguments: [Restore.Source.wal, .sql]) func theSliceThatHoldsTheEnd(_ source: Restore.Source) throws {
    let slice = try rig.slice(rig.last)
    let after = try rig.copy { try rig.merge(rig.base + 1...rig.last, in: $0) }
    for isDry in [true, false] {
      let store = TurningStore(rig.store, into: after) { $0 == slice }
      guard isDry else {
        try expectWhole(store, source)
        continue
      }
      let report = try Restore(ReplicaCatalog(store)).plan(source, to: rig.folder.path + "/none.db")
      // The last slice was read with the listing, so the plan of that listing still holds.
      #expect(report.transaction == rig.last)
      #expect(report.notices == [])
    }
  }

  /// If the merged object begins with the next transaction, nothing is applied twice.
  @Test(arguments: [(6, true, false), (6, true, true), (4, false, false)] as [(UInt64, Bool, Bool)])
  func continuesAtItsPosition(_ first: UInt64, isInPlace: Bool, besideANewBase: Bool) throws {
    let before = try rig.copy { _ in }
    if besideANewBase { try #require(rig.fixture.mirror).snapshot() }
    let slice = try rig.slice(rig.base + 6)
    let after = try rig.copy { try rig.merge(rig.base + first...rig.last, in: $0) }
    let store = TurningStore(before, into: after) { name in
      // Slices before it arrive first.
      if name == slice { Clock.sleep(seconds: 0.3) }
      return name == slice
    }
    let source = ObjectSource(ReplicaCatalog(store), patience: 1)
    let planning = try Replanning(source: source, target: RestoreTarget())
    let restore = WALRestore(source: source, plan: planning.plan, replanning: planning)
    let file = try File(rig.folder.path + "/restored.db", .create)
    if isInPlace {
      #expect(try restore.build(in: file, upTo: rig.last).transaction == rig.last)
      #expect(try content(file.path) == rig.rows)
    } else {
      #expect(throws: Replanning.PlannedAnew.self) { try restore.build(in: file, upTo: rig.last) }
    }
  }

  /// Objects are merged again while the merged objects are read.
  @Test func twiceInOneRestore() throws {
    let base = rig.base
    let once = try rig.copy { try rig.merge(base + 5...base + 8, in: $0) }
    let twice = try rig.copy { try rig.merge(base + 5...base + 12, in: $0) }
    let slices = [try rig.slice(base + 5), try rig.merged(base + 5...base + 8)]
    let second = TurningStore(once, into: twice) { $0 == slices[1] }
    let first = TurningStore(rig.store, into: second) { $0 == slices[0] }
    #expect(try expectWhole(first, .wal).slices == 5)
    #expect(second.hasTurned)
  }

  // MARK: Retention

  @Test(arguments: [Restore.Source.wal, .sql]) func aBaseThatWasRemoved(_ source: Restore.Source) throws {
    let before = try rig.copy { _ in }
    let after = try rig.goOnAndPrune()
    let store = TurningStore(before, into: after) { $0.hasPrefix(ReplicaLayout.pages) }
    var restore = Restore(ReplicaCatalog(store))
    let output = rig.folder.path + "/restored.db"
    let report = try restore.run(source, to: output)
    #expect(report.transaction == rig.last && store.hasTurned)
    #expect(report.notices.contains { $0.contains("history has been removed meanwhile") })
    #expect(try content(output) == rig.rows)

    // A requested moment is never replaced with another one.
    let first = try #require(try ReplicaCatalog(before).contents(of: rig.generation).slices.last).transactions
      .upperBound
    restore = Restore(ReplicaCatalog(TurningStore(before, into: after) { $0.hasPrefix(ReplicaLayout.pages) }))
    restore.target.transaction = first
    let error = try requireThrown(FormatError.self) {
      try restore.run(source, to: rig.folder.path + "/other.db")
    }
    #expect(error.object.hasPrefix(ReplicaLayout.pages) && error.cause.contains("it is missing from"))
    #expect(error.cause.contains("transaction \(first) cannot be restored"), "\(error)")
    #expect(!FileInfo.exists(rig.folder.path + "/other.db.restoring"))
  }

  // MARK: Lost objects

  @Test(arguments: ["/wal/", "pages/"], [Restore.Source.wal, .sql])
  func isReportedIfNothingReplacesIt(_ part: String, _ source: Restore.Source) throws {
    let lost = try rig.objects().filter { $0.contains(part) }
    let name = try #require(part == "/wal/" ? lost[5] : lost.last)
    let after = try rig.copy { store in
      try store.delete(ObjectKey(name))
      // A restore from statements needs no slices until a batch is missing.
      if source == .sql {
        for batch in try rig.objects() where batch.contains("/sql/") { try store.delete(ObjectKey(batch)) }
      }
    }
    let store = TurningStore(rig.store, into: after) { $0 == name || source == .sql && $0.contains("/sql/") }
    let error = try requireThrown((any Error).self) {
      try Restore(ReplicaCatalog(store)).run(source, to: rig.folder.path + "/restored.db")
    }
    #expect("\(error)".contains("missing"), "\(error)")
    if source == .wal { #expect((error as? FormatError)?.object == name) }
    #expect(store.listsSince < 12, "\(store.listsSince)")
    #expect(!FileInfo.exists(rig.folder.path + "/restored.db"))
  }

  /// Slices lead to the end from the base before it.
  @Test func aBaseThatIsLostIsNotNeeded() throws {
    let name = try rig.objects().filter { $0.contains("/base/") }.last ?? ""
    let after = try rig.copy { try $0.delete(ObjectKey(name)) }
    try expectWhole(TurningStore(rig.store, into: after) { $0 == name }, .wal)
  }

  @Test func neverAnOlderMoment() throws {
    let name = try rig.slice(rig.last)
    let after = try rig.copy { try $0.delete(ObjectKey(name)) }
    let count = Mutex(0)
    // The planner has read it once.
    let store = TurningStore(rig.store, into: after) {
      $0 == name
        && count.withLock {
          $0 += 1; return $0 == 2
        }
    }
    let error = try requireThrown(FormatError.self) {
      try Restore(ReplicaCatalog(store)).run(.wal, to: rig.folder.path + "/restored.db")
    }
    #expect(error.object == name && error.isMissing)
  }

  @Test func aListingThatLagsBehindIsNotRepeatedForever() throws {
    let name = try rig.slice(rig.base + 5)
    let store = TurningStore(rig.store, into: LaggingStore(rig.store, without: name)) { $0 == name }
    let error = try requireThrown(FormatError.self) {
      try Restore(ReplicaCatalog(store)).run(.wal, to: rig.folder.path + "/restored.db")
    }
    #expect(error.object == name)
    #expect(store.listsSince < 12)
  }

  // MARK: During a restore

  @Test(arguments: [4, 6] as [UInt64]) func countsWhatIsReadOnceMore(_ first: UInt64) throws {
    let slice = try rig.slice(rig.base + 6)
    let after = try rig.copy { try rig.merge(rig.base + first...rig.base + 9, in: $0) }
    let store = TurningStore(rig.store, into: after) { name in
      // All others have arrived.
      if name == slice { Clock.sleep(seconds: 0.5) }
      return name == slice
    }
    var restore = Restore(ReplicaCatalog(store))
    let measure = Mutex<(@Sendable () -> (done: Int, total: Int?))?>(nil)
    restore.watch = { ask in measure.withLock { $0 = ask } }
    let report = try restore.run(.wal, to: rig.folder.path + "/restored.db")
    let (done, total) = try #require(measure.withLock { $0 }?())
    #expect(done == total)
    // After a new start, the total is not larger than the objects.
    #expect(first > 4 || total == report.bytes)
  }

  @Test func isInterruptedWhileItWaits() throws {
    let name = try rig.slice(rig.base + 5)
    let after = try rig.copy { try rig.merge(rig.base + 4...rig.base + 9, in: $0) }
    let store = TurningStore(rig.store, into: after) { $0 == name }
    var restore = Restore(ReplicaCatalog(store))
    restore.isInterrupted = { store.hasTurned }
    let error = try requireThrown(RestoreError.self) {
      try restore.run(.wal, to: rig.folder.path + "/restored.db")
    }
    #expect(error.code == .interrupted)
    // The restore continues from there, with the same plan.
    restore.isInterrupted = nil
    _ = try restore.run(.wal, to: rig.folder.path + "/restored.db")
    #expect(try content(rig.folder.path + "/restored.db") == rig.rows)
  }
}
