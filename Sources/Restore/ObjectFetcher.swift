import Dispatch
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Fetches objects some ahead of their use, in order.
final class ObjectFetcher: Sendable {
  private let catalog: ReplicaCatalog
  private let names: [String]
  private let pool: TransferPool
  private let arrived: [DispatchSemaphore]
  private let results: Mutex<[Int: Result<[UInt8], any Error>]> = Mutex([:])
  private struct Progress {
    var started = 0
    var taken = 0
  }
  private let next = Mutex(Progress())

  init(_ catalog: ReplicaCatalog, _ names: [String], ahead: Int = 8) {
    self.catalog = catalog
    self.names = names
    pool = TransferPool("restore.fetch", threads: ahead)
    arrived = names.map { _ in DispatchSemaphore(value: 0) }
    for _ in 0..<min(ahead, names.count) { startOne() }
  }

  private func startOne() {
    let index: Int? = next.withLock { progress in
      guard progress.started < names.count else { return nil }
      defer { progress.started += 1 }
      return progress.started
    }
    guard let index else { return }
    pool.run {
      let result = Result { try retrying { try self.catalog.read(self.names[index]) } }
      self.results.withLock { $0[index] = result }
      self.arrived[index].signal()
    }
  }

  /// The next object with its name; nil after the last.
  func take() throws -> (name: String, bytes: [UInt8])? {
    let index: Int? = next.withLock { progress in
      guard progress.taken < names.count else { return nil }
      defer { progress.taken += 1 }
      return progress.taken
    }
    guard let index else { return nil }
    arrived[index].wait()
    let result = results.withLock { $0.removeValue(forKey: index) }
    startOne()
    guard let result else { return nil }
    return (names[index], try result.get())
  }
}

/// Calls again where the store may only have been busy, five times at most.
func retrying<Value>(_ body: () throws -> Value) throws -> Value {
  var pause = 0.2
  for _ in 0..<4 {
    do {
      return try body()
    } catch let error as ObjectStoreError where error.isTransient {
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + pause)
      pause *= 2
    }
  }
  return try body()
}
