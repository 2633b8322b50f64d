package import Dispatch
internal import Synchronization

/// A fixed number of threads for the blocking calls of a store.
///
/// Each thread is a serial queue, because Dispatch gives a concurrent queue no more threads than
/// there are cores, also while they wait for the network.
package final class TransferPool: Sendable {
  private let queues: [DispatchQueue]
  private let free: Mutex<[Int]>
  private let slots: DispatchSemaphore

  /// The threads of a background pool give way to all others: Dispatch lowers their priority, in
  /// Linux since Swift 6.1.
  package init(_ label: String, threads: Int, isBackground: Bool = false) {
    queues = (0..<threads).map {
      DispatchQueue(label: "\(label).\($0)", qos: isBackground ? .background : .unspecified)
    }
    free = Mutex(Array(0..<threads))
    slots = DispatchSemaphore(value: threads)
  }

  /// Runs `body` on a free thread.
  ///
  /// Waits until there is one.
  package func run(in group: DispatchGroup? = nil, _ body: @escaping @Sendable () -> Void) {
    slots.wait()
    let index = free.withLock { $0.removeLast() }
    queues[index].async(group: group) {
      body()
      self.free.withLock { $0.append(index) }
      self.slots.signal()
    }
  }
}
