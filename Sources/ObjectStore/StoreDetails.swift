/// One thing that a store tells of how it is reached.
package struct StoreDetail: Hashable, Sendable {
  package let name: String
  package let value: String
  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A store that can tell how it is reached, for a person who looks for a mistake.
package protocol DetailedStore: ObjectStore {
  /// Settings and where each was found, in the order to show them; never a secret.
  var details: [StoreDetail] { get }

  /// Seconds that the clock here is ahead of the store's, as of its last answer; nil if it told no time.
  var clockAhead: Int? { get }

  /// What its owner must allow for an operation (`put`, `get`, `list`, `delete`), in the store's own words.
  func permission(for operation: String) -> String
}
