import Files
import Foundation
import Synchronization
import TestSupport
import Testing

/// Jobs of many owners on few threads, and one watch for many files.
@Suite struct WorkerPoolTests {
  private final class Counter: Sendable {
    let running = Atomic(0)
    let most = Atomic(0)
    let done = Semaphore()

    func work(milliseconds: UInt32) {
      let now = running.add(1, ordering: .relaxed).newValue
      _ = most.max(now, ordering: .relaxed)
      Clock.sleep(microseconds: milliseconds * 1000)
      running.subtract(1, ordering: .relaxed)
      done.signal()
    }
  }

  @Test func runsNoMoreThanItsThreadsAtOnce() {
    let pool = WorkerPool("test", threads: 3)
    let counter = Counter()
    for _ in 0..<30 { pool.submit { counter.work(milliseconds: 3) } }
    for _ in 0..<30 { #expect(counter.done.wait(seconds: 20)) }
    #expect(counter.most.load(ordering: .relaxed) == 3)
  }

  /// A job that only waits gives its thread away.
  @Test func aPauseBlocksNoOtherJob() {
    let pool = WorkerPool("test", threads: 1)
    let (first, second) = (Semaphore(), Semaphore())
    pool.submit {
      pool.pausing { second.wait() }
      first.signal()
    }
    pool.submit { second.signal() }
    #expect(first.wait(seconds: 20))
  }

  @Test func aQueueOnAPoolKeepsTheOrder() {
    let pool = WorkerPool("test", threads: 4)
    let queue = SerialQueue("test", on: pool)
    let numbers = Mutex<[Int]>([])
    let done = Semaphore()
    for number in 0..<200 {
      queue.async {
        numbers.withLock { $0.append(number) }
        if number == 199 { done.signal() }
      }
    }
    #expect(done.wait(seconds: 20))
    #expect(numbers.withLock { $0 } == Array(0..<200))
  }

  @Test func oneWatchReportsFilesAndNames() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "file")
    let watch = try #require(SharedWatch())
    let (writes, names) = (Semaphore(), Semaphore())
    let seen = Mutex<[String]>([])
    let number = watch.add(folder.path("file"), .firstWrite) { _ in writes.signal() }
    #expect(number != nil)
    #expect(watch.add(folder.path("none"), .firstWrite) { _ in } == nil)
    let all = watch.add(folder.path, .names) { change in
      seen.withLock { $0.append(change.name) }
      names.signal()
    }
    #expect(all != nil)
    let file = try File(folder.path("file"), .readWrite)
    try file.write([1], at: 0)
    #expect(writes.wait(seconds: 20))
    // Only the first write counts, until the next call.
    try file.write([2], at: 0)
    #expect(!writes.wait(seconds: 0.1))
    _ = watch.add(folder.path("file"), .firstWrite) { _ in writes.signal() }
    try file.write([3], at: 0)
    #expect(writes.wait(seconds: 20))
    // The end of one request leaves another one for the same file.
    let first = try #require(watch.add(folder.path("file"), .firstWrite) { _ in writes.signal() })
    let later = Semaphore()
    #expect(watch.add(folder.path("file"), .firstWrite) { _ in later.signal() } != nil)
    watch.remove(first)
    try file.write([4], at: 0)
    #expect(later.wait(seconds: 20))
    #expect(!writes.wait(seconds: 0.1))
    try folder.write("", to: "new")
    #expect(names.wait(seconds: 20))
    try FileManager.default.removeItem(atPath: folder.path("new"))
    #expect(names.wait(seconds: 20))
    #expect(seen.withLock { $0 } == ["new", "new"])
  }

  @Test func namesMatchPatterns() {
    #expect(NamePattern.matches("a.db", "*.db"))
    #expect(!NamePattern.matches(".a.db", "*.db"))
    #expect(!NamePattern.matches("a.db-wal", "*.db"))
  }
}
