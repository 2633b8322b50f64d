/// One setting of a store, and its source.
package struct StoreDetail: Hashable, Sendable {
  package let name: String
  package let value: String
  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A store that describes how it is reached, for `.mirror check`.
package protocol DetailedStore: ObjectStore {
  /// Settings and their origins, in the order to print; never a secret.
  var details: [StoreDetail] { get }

  /// Seconds that the local clock is ahead of the store's, by its last answer; nil if it sent no
  /// time.
  var clockAhead: Int? { get }

  /// Returns the permission that an operation needs (`put`, `get`, `list`, `delete`), in the
  /// store's own words.
  func permission(for operation: String) -> String
}
