import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

/// Fetches objects some ahead of their use, in order, and holds no more than some megabytes of them.
final class ObjectFetcher: Sendable {
  struct Item: Sendable {
    let name: String
    /// Length as the listing told it.
    let size: Int
  }

  private let source: ObjectSource
  private let items: [Item]
  /// Folder in which objects are kept for another run; nil to keep none.
  private let spool: String?
  /// Throws where the bytes are not the object they should be.
  private let check: @Sendable (_ name: String, _ bytes: [UInt8]) throws -> Void
  private let pool: TransferPool
  private static let threads = 12
  /// Bytes of objects that are on their way or wait.
  private static let window = 48 << 20

  private struct Progress {
    var started = 0
    var taken = 0
    var outstanding = 0
    var results: [Int: Result<[UInt8], any Error>] = [:]
  }
  private let progress = Mutex(Progress())
  private let arrival = DispatchSemaphore(value: 0)

  init(
    _ source: ObjectSource, _ items: [Item], spool: String? = nil,
    check: @escaping @Sendable (_ name: String, _ bytes: [UInt8]) throws -> Void
  ) {
    self.source = source
    self.items = items
    self.spool = spool
    self.check = check
    pool = TransferPool("restore.fetch", threads: Self.threads)
    start()
  }

  private func start() {
    while true {
      let index: Int? = progress.withLock { progress in
        let next = progress.started
        guard next < items.count, next - progress.taken < Self.threads else { return nil }
        guard progress.outstanding == 0 || progress.outstanding + items[next].size <= Self.window else {
          return nil
        }
        progress.started += 1
        progress.outstanding += items[next].size
        return next
      }
      guard let index else { return }
      pool.run {
        let result = Result { try self.fetch(self.items[index].name) }
        self.progress.withLock { $0.results[index] = result }
        self.arrival.signal()
      }
    }
  }

  private func fetch(_ name: String) throws -> [UInt8] {
    let kept = spool.map { $0 + "/" + ObjectKey.escaped(name) }
    if let kept, FileInfo.exists(kept), let bytes = try? File(kept, .read).readAll(),
      (try? check(name, bytes)) != nil
    {
      source.noteKept(bytes.count)
      return bytes
    }
    let bytes = try source.read(name) { bytes in
      try check(name, bytes)
      return bytes
    }
    // Not synced: what a crash left of it is checked before it is used.
    if let kept, !source.isStopped {
      let file = try File(kept, .create)
      try file.write(bytes, at: 0)
      try file.truncate(to: bytes.count)
    }
    return bytes
  }

  /// The next object with its name; nil after the last.
  func take() throws -> (name: String, bytes: [UInt8])? {
    guard let (name, result) = try next() else { return nil }
    return (name, try result.get())
  }

  /// The next object with its name, or why it could not be read; nil after the last.
  func next() throws -> (name: String, Result<[UInt8], any Error>)? {
    let index = progress.withLock { $0.taken }
    guard index < items.count else { return nil }
    while true {
      let result: Result<[UInt8], any Error>? = progress.withLock { progress in
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
      // Ctrl-C is looked for meanwhile.
      _ = arrival.wait(timeout: .now() + 0.1)
      try source.checkInterrupt()
    }
  }
}
