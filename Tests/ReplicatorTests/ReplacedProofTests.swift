import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import TestSupport
import Testing

/// Tests proofs of replicas in which objects are replaced and removed after a listing.
@Suite struct ReplacedProofTests {
  private let rig: ReplacingRig

  init() throws { rig = try ReplacingRig() }

  private func verify(_ store: TurningStore, all: Bool = false) throws -> Verification.Findings {
    var verification = Verification(ReplicaCatalog(store))
    verification.isForAll = all
    verification.folder = rig.fixture.path
    var found: [Verification.Findings] = []
    try verification.run(comparing: nil) { found.append($0) }
    #expect(store.hasTurned)
    return try #require(found.first)
  }

  @Test(arguments: ["/wal/", "/sql/"]) func aProofOfWhatIsMerged(_ part: String) throws {
    let base = rig.base
    let after = try rig.copy { store in
      try rig.merge(base + 3...base + 8, in: store)
      try rig.mergeBatches(base + 3...base + 8, in: store)
    }
    let name = try #require(try rig.objects().filter { $0.contains(part) }.dropFirst(7).first)
    let findings = try verify(TurningStore(rig.store, into: after) { $0 == name })
    #expect(findings.faults.isEmpty, "\(findings.faults)")
    #expect(
      findings.proven.contains { $0.contains("lead to transaction \(rig.last) ") }, "\(findings.proven)")
    #expect(findings.proven.contains { $0.contains("give the same content") }, "\(findings.proven)")
  }

  /// The listing has both; the larger one is verified anyway.
  @Test func aProofOfWhatWasMergedBefore() throws {
    let base = rig.base
    let after = try rig.copy { store in
      try rig.merge(base + 3...base + 8, in: store)
      try rig.mergeBatches(base + 3...base + 8, in: store)
    }
    let before = try rig.copy { store in
      for object in try after.listAll(prefix: "") {
        try store.put(object.key, after.get(object.key).bytes, .always)
      }
    }
    let store = TurningStore(before, into: after) { $0.contains("/sql/") }
    let findings = try verify(store)
    #expect(findings.faults.isEmpty, "\(findings.faults)")
    #expect(findings.proven.contains { $0.contains("give the same content") }, "\(findings.proven)")
    #expect(store.listsSince == 0)
  }

  /// A slice is listed before its batch is stored, or before the gap of a killed session is filled.
  @Test(arguments: [true, false], [0, 4] as [UInt64])
  func aProofWhileABatchArrives(_ arrives: Bool, fromTheEnd: UInt64) throws {
    let number = rig.last - fromTheEnd
    let last = try ObjectKey(rig.batch(number))
    let before = try rig.copy { try $0.delete(last) }
    let after = try rig.copy { arrives ? () : try $0.delete(last) }
    let findings = try verify(TurningStore(before, into: after) { $0.contains("/sql/") })
    // The rig's own mirror is alive, and might still send the last one.
    #expect(findings.faults.isEmpty == (arrives || fromTheEnd == 0), "\(findings.faults)")
    #expect(findings.notices.contains { $0.contains("not stored yet") } == (!arrives && fromTheEnd == 0))
  }

  /// A slice is listed, but the one just before it is not.
  @Test(arguments: [true, false]) func aProofWhileSlicesArrive(_ arrives: Bool) throws {
    let missed = try ObjectKey(rig.slice(rig.base + 6))
    let before = try rig.copy { try $0.delete(missed) }
    let after = try rig.copy { arrives ? () : try $0.delete(missed) }
    let next = try rig.slice(rig.base + 7)
    let faults = try verify(TurningStore(before, into: after) { $0 == next }).faults
    #expect(faults.isEmpty == arrives, "\(faults)")
  }

  @Test(arguments: ["/wal/", "/sql/", "/base/", "pages/"]) func aProofOfWhatIsRemoved(_ part: String) throws {
    let before = try rig.copy { _ in }
    let after = try rig.goOnAndPrune()
    let gone = Set(try before.listAll(prefix: "").map(\.key)).subtracting(
      try after.listAll(prefix: "").map(\.key))
    let name = try #require(gone.map(\.name).filter { $0.contains(part) }.max())
    let findings = try verify(TurningStore(before, into: after) { $0 == name })
    #expect(findings.faults.isEmpty, "\(findings.faults)")
    #expect(
      findings.proven.contains { $0.contains("lead to transaction \(rig.last) ") }, "\(findings.proven)")
  }

  @Test(arguments: ["/wal/", "/sql/", "/base/", "pages/", "generation.txt"], [false, true])
  func aProofOfWhatIsLost(_ part: String, isLast: Bool) throws {
    let all = try rig.objects().filter { $0.contains(part) }
    let name = try #require(isLast || all.count < 6 ? all.last : all[5])
    let after = try rig.copy { try $0.delete(ObjectKey(name)) }
    let findings = try verify(TurningStore(rig.store, into: after) { $0 == name })
    // Other objects prove that the last slice existed.
    #expect(
      findings.faults.contains { $0.object == name && $0.cause.contains("missing") }
        || isLast && part == "/wal/" && findings.faults.contains { $0.cause.contains("a slice was lost") },
      "\(findings.faults)")
  }
}
