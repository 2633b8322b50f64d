import Dispatch
import ReplicaFormat

/// Compresses the text of a long transaction, on its own thread, while the transaction continues.
final class StatementPacker {
  private let queue = DispatchQueue(label: "mirror.pack")
  /// Limits the parts that wait without compression; the thread that makes more of them waits.
  private let room = DispatchSemaphore(value: 8)

  func pack(_ part: StatementText.Part) {
    let room = room
    room.wait()
    queue.async {
      part.compress()
      room.signal()
    }
  }
}
