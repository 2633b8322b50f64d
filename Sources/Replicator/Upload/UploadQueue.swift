import ReplicaFormat

/// Holds sealed entries between the capturer and the uploader, in order.
///
/// The queue is bounded. While it is full, the capturer reads nothing more, so SQLite's log is the
/// buffer. No entry is dropped. May be used on any thread.
final class UploadQueue: Sendable {
  private struct State {
    var entries: [PendingUpload] = []
    var bytes = 0
  }

  private let state = OrderedLock(.queue, State())
  private let limit: Int
  /// Wakes the uploader: entries wait, or the open slice has grown.
  let arrivals = Wakeup()

  /// Makes a queue that is full at `limit` bytes.
  init(limit: Int) { self.limit = limit }

  var isFull: Bool { isFull(with: 0) }

  /// Returns whether it is full with this number of additional bytes.
  func isFull(with more: Int) -> Bool { state.withLock { $0.bytes + more >= limit } }
  var isEmpty: Bool { state.withLock { $0.entries.isEmpty } }
  /// Time of the oldest commit that waits, microseconds since 1970.
  var oldest: Int64? { state.withLock { $0.entries.first?.firstTime } }

  /// Appends entries that belong together: a slice, or a turn and the slice after it.
  func append(_ entries: [PendingUpload]) {
    state.withLock {
      $0.entries += entries
      $0.bytes += entries.reduce(0) { $0 + $1.byteCount }
    }
  }

  /// Takes the oldest entry; a turn together with the slice after it, because no thread waits for a
  /// turn.
  func take() -> [PendingUpload] {
    state.withLock { state in
      let count = min(state.entries.first?.isTurn == true ? 2 : 1, state.entries.count)
      let taken = Array(state.entries[..<count])
      state.entries.removeFirst(count)
      state.bytes -= taken.reduce(0) { $0 + $1.byteCount }
      return taken
    }
  }

  /// Drops all entries, because they can never be stored.
  func removeAll() { state.withLock { $0 = State() } }
}
