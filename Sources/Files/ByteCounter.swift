internal import Synchronization

/// Bytes that went by, counted by one thread and read by any.
package final class ByteCounter: Sendable {
  private let value = Atomic<Int>(0)
  package init() {}

  package var bytes: Int { value.load(ordering: .relaxed) }

  package func add(_ count: Int) { value.wrappingAdd(count, ordering: .relaxed) }
}
