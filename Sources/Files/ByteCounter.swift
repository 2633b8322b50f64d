internal import Synchronization

/// A count of bytes that one thread raises and any thread reads.
package final class ByteCounter: Sendable {
  private let value = Atomic<Int>(0)
  package init() {}

  package var bytes: Int { value.load(ordering: .relaxed) }

  package func add(_ count: Int) { value.wrappingAdd(count, ordering: .relaxed) }
}
