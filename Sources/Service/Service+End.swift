import Files
import Replicator
import Synchronization

extension Service {
  /// Waits for mirrors that are being started: their commits belong to what is left.
  private func awaitStarts(until deadline: Double) {
    let signals = StopSignal.received
    while databases.values.contains(where: { $0.phase == .starting }), StopSignal.received == signals {
      let left = deadline - Clock.monotonicSeconds
      guard left > 0 else { return }
      events.wait(seconds: left)
      for event in events.take() { if case .started = event { handle(event) } }
    }
  }

  /// Stores what is left, and names what could not be stored; returns the exit code.
  ///
  /// A second signal ends it at once.
  func end() -> Int32 {
    log.add(.info, "stopping", event: "stopping")
    supervisor.stop()
    let deadline = Clock.monotonicSeconds + settings.flushTimeout
    let signals = StopSignal.received
    awaitStarts(until: deadline)
    let running = databases.values.filter { $0.mirror != nil }.sorted { $0.path < $1.path }
    for database in running { database.mirror?.beginFlush() }
    let failures = Mutex<[String: String]>([:])
    let left = Mutex(running.count)
    let done = Semaphore()
    if running.isEmpty { done.signal() }
    let pool = WorkerPool("service.end", threads: 8)
    for database in running {
      guard let mirror = database.mirror else { continue }
      let path = database.path
      pool.submit {
        do {
          try mirror.end(by: deadline) { StopSignal.received > signals }
        } catch {
          failures.withLock { $0[path] = "\(error)" }
        }
        let isLast = left.withLock { left in
          left -= 1
          return left == 0
        }
        if isLast { done.signal() }
      }
    }
    done.wait()
    var lost = failures.withLock { $0 }
    for database in databases.values where database.phase == .failed {
      if lost[database.path] == nil { lost[database.path] = database.said ?? "it was not mirrored" }
    }
    for database in databases.values where database.phase == .starting {
      lost[database.path] = "its mirror has not started"
    }
    for (path, reason) in lost.sorted(by: { $0.key < $1.key }) {
      log.add(.error, "not stored: \(reason)", about: path, event: "not-stored")
    }
    if lost.isEmpty { log.add(.info, "everything is stored", event: "stopped") }
    return lost.isEmpty ? 0 : 1
  }
}
