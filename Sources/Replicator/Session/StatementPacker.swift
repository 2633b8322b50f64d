import Dispatch
import ReplicaFormat

/// Compresses the text of a long transaction on a thread of its own while the transaction goes on.
final class StatementPacker {
  private let queue = DispatchQueue(label: "mirror.pack")
  /// Parts that may wait as they are; past that whoever makes them waits.
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
