package import ObjectStore
import Synchronization

/// A store that holds something else from the get of some object on.
package final class TurningStore: ObjectStore {
  private let before: any ObjectStore
  private let after: any ObjectStore
  private let turns: @Sendable (_ name: String) -> Bool
  private struct State {
    var hasTurned = false
    var lists = 0
    var gets: [String] = []
  }
  private let state = Mutex(State())

  /// The get of the first object that `turns` says so of is answered by `after`, and all calls that follow.
  package init(
    _ before: any ObjectStore, into after: any ObjectStore,
    at turns: @escaping @Sendable (_ name: String) -> Bool
  ) {
    self.before = before
    self.after = after
    self.turns = turns
  }

  package var hasTurned: Bool { state.withLock { $0.hasTurned } }
  /// Objects that were asked for since it turned.
  package var getsSince: [String] { state.withLock { $0.gets } }
  /// Listings since it turned.
  package var listsSince: Int { state.withLock { $0.lists } }

  private var present: any ObjectStore { hasTurned ? after : before }

  package var url: String { after.url }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    if turns(key.name) { state.withLock { $0.hasTurned = true } }
    state.withLock { if $0.hasTurned { $0.gets.append(key.name) } }
    return try present.get(key, range: range)
  }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    try present.put(key, bytes, condition)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? { try present.head(key) }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    state.withLock { if $0.hasTurned { $0.lists += 1 } }
    return try present.list(prefix: prefix, after: after, limit: limit)
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) { try present.delete(key) }
}
