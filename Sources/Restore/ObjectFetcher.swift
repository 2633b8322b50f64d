import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

/// An object to fetch.
struct FetchItem: Sendable {
  let name: String
  /// Its listed length.
  let size: Int
}

/// Fetches objects in order, some ahead of their use.
///
/// It holds at most some megabytes of them.
final class ObjectFetcher<Value: Sendable>: Sendable {
  private let source: ObjectSource
  private let items: [FetchItem]
  /// The folder in which objects are kept for another run; nil to keep none.
  private let spool: PrivateFolder?
  /// Reads an object that is too long for memory; nil if there are none.
  private let readLong: (@Sendable (_ item: FetchItem) throws -> Value)?
  /// Throws if the bytes are not the right object.
  private let parse: @Sendable (_ name: String, _ bytes: [UInt8]) throws -> Value
  private let pool: TransferPool
  private let threads = 12
  /// Bytes of objects that are on their way or wait.
  private let window: Int

  private struct Progress {
    var started = 0
    var taken = 0
    var outstanding = 0
    var results: [Int: Result<Value, any Error>] = [:]
  }
  private let progress = Mutex(Progress())
  private let arrival = Semaphore()

  init(
    _ source: ObjectSource, _ items: [FetchItem], spool: PrivateFolder? = nil, window: Int = 32 << 20,
    readLong: (@Sendable (_ item: FetchItem) throws -> Value)? = nil,
    parse: @escaping @Sendable (_ name: String, _ bytes: [UInt8]) throws -> Value
  ) {
    self.source = source
    self.items = items
    self.spool = spool
    self.window = window
    self.parse = parse
    self.readLong = readLong
    pool = TransferPool("restore.fetch", threads: threads)
    start()
  }

  private func start() {
    while true {
      let index: Int? = progress.withLock { progress in
        let next = progress.started
        guard next < items.count, next - progress.taken < threads else { return nil }
        guard progress.outstanding == 0 || progress.outstanding + items[next].size <= window else {
          return nil
        }
        progress.started += 1
        progress.outstanding += items[next].size
        return next
      }
      guard let index else { return }
      pool.run {
        let result = Result { try self.fetch(self.items[index]) }
        self.progress.withLock { $0.results[index] = result }
        self.arrival.signal()
      }
    }
  }

  private func fetch(_ item: FetchItem) throws -> Value {
    let name = item.name
    if let readLong, item.size > ObjectSource.longObject { return try readLong(item) }
    let kept = ObjectKey.escaped(name)
    if let bytes = try? spool?.file(kept, .read).readAll(), let value = try? parse(name, bytes) {
      source.noteKept(bytes.count)
      return value
    }
    let (value, bytes) = try source.read(name, told: item.size > 0 ? item.size : nil) {
      (try parse(name, $0), $0)
    }
    // Not synced: after a crash it is checked before it is used.
    if let spool, !source.isStopped {
      let file = try spool.file(kept, .create)
      try file.write(bytes, at: 0)
      try file.truncate(to: bytes.count)
    }
    return value
  }

  /// Returns the next object with its name; nil after the last.
  func take() throws -> (name: String, value: Value)? {
    guard let (name, result) = try next() else { return nil }
    return (name, try result.get())
  }

  /// Returns the next object with its name, or the reason why it could not be read; nil after the
  /// last.
  func next() throws -> (name: String, Result<Value, any Error>)? {
    let index = progress.withLock { $0.taken }
    guard index < items.count else { return nil }
    while true {
      let result: Result<Value, any Error>? = progress.withLock { progress in
        guard let result = progress.results.removeValue(forKey: index) else { return nil }
        progress.taken += 1
        progress.outstanding -= items[index].size
        return result
      }
      if let result {
        start()
        try source.checkInterrupt()
        return (items[index].name, result)
      }
      // Ctrl-C is checked meanwhile.
      _ = arrival.wait(seconds: 0.1)
      try source.checkInterrupt()
    }
  }
}
