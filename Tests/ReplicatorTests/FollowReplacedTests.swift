import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import Synchronization
import TestSupport
import Testing

/// Tests copies that follow a replica while listed objects are replaced.
@Suite struct FollowReplacedTests {
  private let rig: ReplacingRig

  init() throws { rig = try ReplacingRig() }

  private var output: String { rig.folder.path + "/copy.db" }

  /// Follows until the copy holds a transaction.
  private func follow(_ store: any ObjectStore, to last: UInt64) throws -> UInt64? {
    let isDone = Mutex(false)
    var follower = Follower(ReplicaCatalog(store), output: output)
    follower.pause = 0.01...0.02
    follower.isInterrupted = { isDone.withLock { $0 } }
    follower.tell = { event in
      switch event {
      case .built(let point), .advanced(let point):
        if point.transaction >= last { isDone.withLock { $0 = true } }
      case .notice: break
      }
    }
    return try follower.run()?.transaction
  }

  private func slice(_ first: UInt64, _ last: UInt64) throws -> String {
    first == last ? try rig.slice(rig.base + first) : try rig.merged(rig.base + first...rig.base + last)
  }

  @Test func beginsWithReplacements() throws {
    let after = try rig.copy { try rig.merge(rig.base + 4...rig.base + 9, in: $0) }
    let store = TurningStore(rig.store, into: after) { [slice = try slice(6, 6)] in $0 == slice }
    #expect(try follow(store, to: rig.last) == rig.last)
    #expect(store.hasTurned)
    #expect(try content(output) == rig.rows)
  }

  /// Objects are replaced more often than a damaged object is read again.
  @Test func continuesWithReplacementsAgainAndAgain() throws {
    let start = try rig.copy { store in
      for number in 4...12 as ClosedRange<UInt64> {
        try store.delete(ObjectKey(slice(number, number)))
        try store.delete(ObjectKey(rig.batch(rig.base + number)))
      }
    }
    #expect(try follow(start, to: rig.base + 3) == rig.base + 3)
    var store: any ObjectStore = try rig.copy { try rig.merge(rig.base + 4...rig.last, in: $0) }
    for last in (4...11 as ClosedRange<UInt64>).reversed() {
      let before = try rig.copy { last > 4 ? try rig.merge(rig.base + 4...rig.base + last, in: $0) : () }
      store = TurningStore(before, into: store) { [slice = try slice(4, last)] in $0 == slice }
    }
    #expect(try follow(store, to: rig.last) == rig.last)
    #expect(try content(output) == rig.rows)
  }

  @Test func endsBeforeALostSlice() throws {
    let start = try rig.copy { store in
      for number in 4...12 as ClosedRange<UInt64> {
        try store.delete(ObjectKey(slice(number, number)))
        try store.delete(ObjectKey(rig.batch(rig.base + number)))
      }
    }
    #expect(try follow(start, to: rig.base + 3) == rig.base + 3)
    let store = LaggingStore(rig.store, without: try slice(6, 6))
    let error = try requireThrown(FormatError.self) { try follow(store, to: rig.last) }
    #expect(try error.object == slice(6, 6))
  }
}
