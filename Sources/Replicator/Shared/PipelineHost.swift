package import Files
import Synchronization

/// The threads and the watch that the pipelines of one process share.
///
/// A pipeline without a host has threads of its own. With a host, its stages are steps that run on
/// the threads of pools. A pipeline that has stored everything has no thread and no timer soon: its
/// guard stays, and the watch wakes it.
package final class PipelineHost: Sendable {
  /// Runs steps that never wait for the store.
  let captures = WorkerPool("mirror.capture", threads: 2)
  /// Runs steps that make one attempt to reach the store.
  let uploads: WorkerPool
  /// Runs jobs that may take long: bases, merges, statements.
  let background = WorkerPool("mirror.background", threads: 2)
  /// Nil if the system has no inotify left: logs are then read every second.
  package let watch = SharedWatch()

  /// Makes a host that sends up to `uploads` requests at once.
  package init(uploads: Int = 6) {
    self.uploads = WorkerPool("mirror.upload", threads: uploads)
    // Dispatch opens the descriptors of its timers at their first use, and traps if none is left.
    let isPrepared = Semaphore()
    captures.submit(after: 0.001) { isPrepared.signal() }
    isPrepared.wait()
  }

  /// Open files of one pipeline: two connections, the log, its claim, and those of a moment.
  package static let filesOfPipeline = 8

  /// Whether the heap is to be trimmed.
  private let isTrimming = Atomic(false)
  /// Seconds to wait for more pipelines that come to rest.
  private static let trimDelay = 3.0

  /// Returns memory to the system soon, because a pipeline has come to rest.
  func trimSoon() {
    guard !isTrimming.exchange(true, ordering: .relaxed) else { return }
    captures.submit(after: Self.trimDelay) {
      self.isTrimming.store(false, ordering: .relaxed)
      LargeBlocks.trimHeap()
    }
  }

  /// Calls `done` on a thread that reads logs: a sign that these threads do not hang.
  package func probe(_ done: @escaping @Sendable () -> Void) { captures.submit(done) }

  /// Runs a job that may wait for the store for one request.
  package func run(_ job: @escaping @Sendable () -> Void) { uploads.submit(job) }
}
