package import Dispatch
internal import Synchronization

/// Runs the jobs of many owners on a few threads, in the order of their arrival.
///
/// A thread ends when no job waits, so an idle pool has none.
package final class WorkerPool: Sendable {
  package typealias Job = @Sendable () -> Void

  private struct State {
    var jobs: [Job] = []
    var head = 0
    /// Threads that run a job and do not pause.
    var running = 0

    var hasJob: Bool { head < jobs.count }

    /// Whether another thread is to start; counts it.
    mutating func begins(_ limit: Int) -> Bool {
      guard hasJob, running < limit else { return false }
      running += 1
      return true
    }

    /// Returns the next job; nil if the calling thread is to end.
    mutating func next(_ limit: Int) -> Job? {
      guard hasJob, running <= limit else {
        running -= 1
        return nil
      }
      defer {
        head += 1
        if head == jobs.count {
          jobs.removeAll(keepingCapacity: jobs.count < 1024)
          head = 0
        }
      }
      return jobs[head]
    }
  }

  private let label: String
  private let limit: Int
  private let state = Mutex(State())

  package init(_ label: String, threads: Int) {
    self.label = label
    limit = threads
  }

  /// Runs a job as soon as a thread is free.
  package func submit(_ job: @escaping Job) {
    state.withLock { $0.jobs.append(job) }
    startIfNeeded()
  }

  /// Runs a job after this number of seconds.
  package func submit(after seconds: Double, _ job: @escaping Job) {
    DispatchQueue.global().asyncAfter(deadline: .now() + max(seconds, 0)) { self.submit(job) }
  }

  /// Runs `wait`, a pause of the calling job, while another job has its thread's place.
  package func pausing(_ wait: () -> Void) {
    state.withLock { $0.running -= 1 }
    startIfNeeded()
    wait()
    state.withLock { $0.running += 1 }
  }

  private func startIfNeeded() {
    guard state.withLock({ $0.begins(limit) }) else { return }
    // A queue of its own is a thread: Dispatch gives a shared queue no more threads than cores.
    DispatchQueue(label: label).async {
      while let job = self.state.withLock({ $0.next(self.limit) }) { job() }
    }
  }
}

/// Runs jobs one after the other: on a thread of its own, or on the threads of a pool.
package final class SerialQueue: Sendable {
  private struct State {
    var jobs: [WorkerPool.Job] = []
    var isRunning = false
  }

  private let own: DispatchQueue?
  private let pool: WorkerPool?
  private let state = Mutex(State())

  /// Makes a queue; without a pool it has a thread of its own while it has work.
  package init(_ label: String, on pool: WorkerPool?, isBackground: Bool = false) {
    self.pool = pool
    own = pool == nil ? DispatchQueue(label: label, qos: isBackground ? .background : .unspecified) : nil
  }

  /// Runs a job after those before it; it is in `group` until it has ended.
  package func async(in group: DispatchGroup, _ job: @escaping WorkerPool.Job) {
    group.enter()
    async {
      job()
      group.leave()
    }
  }

  /// Runs a job after those before it.
  package func async(_ job: @escaping WorkerPool.Job) {
    guard let pool else {
      own?.async(execute: job)
      return
    }
    let begins = state.withLock { state in
      state.jobs.append(job)
      defer { state.isRunning = true }
      return !state.isRunning
    }
    if begins { pool.submit { self.runNext() } }
  }

  /// Runs a job after this number of seconds.
  package func async(after seconds: Double, _ job: @escaping WorkerPool.Job) {
    guard pool != nil else {
      own?.asyncAfter(deadline: .now() + max(seconds, 0), execute: job)
      return
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + max(seconds, 0)) { self.async(job) }
  }

  private func runNext() {
    let job = state.withLock { $0.jobs.removeFirst() }
    job()
    let isDone = state.withLock { state in
      state.isRunning = !state.jobs.isEmpty
      return !state.isRunning
    }
    if !isDone { pool?.submit { self.runNext() } }
  }
}
