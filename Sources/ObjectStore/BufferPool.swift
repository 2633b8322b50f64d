internal import Dispatch
package import Synchronization

/// A fixed number of large buffers that go round, so that memory stays bounded and is asked for once.
package final class BufferPool: Sendable {
  /// One of them; whoever took it has it alone.
  package final class Buffer: Sendable {
    package let bytes = Mutex<[UInt8]>([])
  }

  private let free: Mutex<[Buffer]>
  private let slots: DispatchSemaphore

  package init(count: Int) {
    free = Mutex((0..<count).map { _ in Buffer() })
    slots = DispatchSemaphore(value: 0)
    for _ in 0..<count { slots.signal() }
  }

  /// Waits until one is free.
  package func take() -> Buffer {
    slots.wait()
    return free.withLock { $0.removeLast() }
  }

  package func giveBack(_ buffer: Buffer) {
    free.withLock { $0.append(buffer) }
    slots.signal()
  }
}
