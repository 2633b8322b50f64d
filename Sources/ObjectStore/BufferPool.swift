internal import Dispatch
package import Synchronization

/// A fixed number of large buffers that are used again and again.
///
/// Memory stays bounded, and is requested from the system once.
package final class BufferPool: Sendable {
  /// One buffer.
  ///
  /// The thread that took it uses it alone.
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

  /// Waits until a buffer is free.
  package func take() -> Buffer {
    slots.wait()
    return free.withLock { $0.removeLast() }
  }

  package func giveBack(_ buffer: Buffer) {
    free.withLock { $0.append(buffer) }
    slots.signal()
  }
}
