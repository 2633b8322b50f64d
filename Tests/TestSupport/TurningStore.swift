package import ObjectStore
import Synchronization

/// A store whose content changes at the get of some object.
package final class TurningStore: ForwardingStore {
  private let before: any ObjectStore
  private let after: any ObjectStore
  private let turns: @Sendable (_ name: String) -> Bool
  private struct State {
    var hasTurned = false
    var lists = 0
    var gets: [String] = []
  }
  private let state = Mutex(State())

  /// `after` answers the first get for which `turns` is true, and all later calls.
  package init(
    _ before: any ObjectStore, into after: any ObjectStore,
    at turns: @escaping @Sendable (_ name: String) -> Bool
  ) {
    self.before = before
    self.after = after
    self.turns = turns
  }

  package var hasTurned: Bool { state.withLock { $0.hasTurned } }
  /// Objects that were asked for since then.
  package var getsSince: [String] { state.withLock { $0.gets } }
  /// Listings since then.
  package var listsSince: Int { state.withLock { $0.lists } }

  package var base: any ObjectStore { hasTurned ? after : before }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    // The first bytes of entries are read during the listing.
    if range != 0..<8192 {
      if turns(key.name) { state.withLock { $0.hasTurned = true } }
      state.withLock { if $0.hasTurned { $0.gets.append(key.name) } }
    }
    return try base.get(key, range: range)
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    state.withLock { if $0.hasTurned { $0.lists += 1 } }
    return try base.list(prefix: prefix, after: after, limit: limit)
  }
}
