import Dispatch
import Foundation
import Synchronization

/// Threads of which only one runs at a time: the one with the baton.
///
/// A task returns the baton at each call of the store. The scheduler decides which task gets it
/// next.
final class Baton: @unchecked Sendable {
  /// One thread of a simulated session.
  final class Task: @unchecked Sendable {
    let name: String
    /// The session that it belongs to; a task of a dead session never returns from the store.
    let life: Life
    fileprivate let turn = DispatchSemaphore(value: 0)
    fileprivate(set) var isDone = false
    /// What it waits for; nil if it can continue.
    fileprivate var waits: (() -> Bool)?

    fileprivate init(_ name: String, _ life: Life) {
      self.name = name
      self.life = life
    }

    var isReady: Bool { !isDone && (life.isDead || waits.map { $0() } ?? true) }
  }

  /// The data that the tasks of a session share.
  final class Life: @unchecked Sendable {
    var isDead = false
  }

  /// The task of the calling thread; nil for threads that serve one, and outside of the simulation.
  @TaskLocal static var current: Task?

  private let scheduler = DispatchSemaphore(value: 0)
  private(set) var tasks: [Task] = []

  /// Begins a task; it waits for the baton.
  @discardableResult
  func begin(_ name: String, _ life: Life, _ body: @escaping @Sendable () -> Void) -> Task {
    let task = Task(name, life)
    tasks.append(task)
    Threads.run {
      task.turn.wait()
      if !life.isDead { Self.$current.withValue(task) { body() } }
      task.isDone = true
      self.scheduler.signal()
    }
    return task
  }

  /// Gives a task the baton, and waits until it comes back.
  func give(to task: Task) {
    task.turn.signal()
    scheduler.wait()
  }

  /// Returns the baton; the call ends when the task gets it again.
  func yield(_ task: Task, until waits: (() -> Bool)? = nil) {
    task.waits = waits
    scheduler.signal()
    task.turn.wait()
    task.waits = nil
  }

  /// Ends every task: calls of the store fail from now on.
  func end() {
    for task in tasks { task.life.isDead = true }
    while let task = tasks.first(where: { !$0.isDone }) { give(to: task) }
  }
}

/// Threads that wait for work, so that a task need not begin one.
private enum Threads {
  private final class Worker: @unchecked Sendable {
    let wake = DispatchSemaphore(value: 0)
    var work: (@Sendable () -> Void)?
  }
  private static let idle = Mutex<[Worker]>([])

  static func run(_ work: @escaping @Sendable () -> Void) {
    let worker = idle.withLock { $0.popLast() }
    if let worker {
      worker.work = work
      worker.wake.signal()
      return
    }
    let fresh = Worker()
    fresh.work = work
    Thread.detachNewThread {
      while true {
        fresh.work?()
        fresh.work = nil
        idle.withLock { $0.append(fresh) }
        fresh.wake.wait()
      }
    }
  }
}
