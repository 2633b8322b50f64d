import Dispatch
import Files
import Synchronization
import Testing

@testable import Replicator

/// The steps of a stage on the threads of a pool.
@Suite struct StageRunnerTests {
  /// A stage whose pauses a test sets.
  private final class Stage: Sendable {
    let pauses: Mutex<[StagePause]>
    let steps = Atomic(0)
    let stepped = Semaphore()

    init(_ pauses: [StagePause]) { self.pauses = Mutex(pauses) }

    func step() -> StagePause {
      steps.add(1, ordering: .relaxed)
      defer { stepped.signal() }
      return pauses.withLock { $0.isEmpty ? .after(.infinity) : $0.removeFirst() }
    }
  }

  private func runner(_ stage: Stage, _ group: DispatchGroup = DispatchGroup()) -> StageRunner {
    let pool = WorkerPool("test", threads: 2)
    return StageRunner({ pool }, in: group) { stage.step() }
  }

  @Test func aWakeUpRunsAStepAndThenItRests() {
    let stage = Stage([])
    let runner = runner(stage)
    for _ in 0..<3 {
      runner.wake()
      #expect(stage.stepped.wait(seconds: 20))
    }
    #expect(!stage.stepped.wait(seconds: 0.1))
    #expect(stage.steps.load(ordering: .relaxed) == 3)
  }

  @Test func aPauseEndsByItself() {
    let stage = Stage([.after(0.02), .after(0)])
    runner(stage).wake()
    for _ in 0..<3 { #expect(stage.stepped.wait(seconds: 20)) }
    #expect(!stage.stepped.wait(seconds: 0.1))
  }

  /// After a failure only an urgent wake-up counts.
  @Test func wakeUpsDoNotShortenABackOff() {
    let stage = Stage([.backOff(3600)])
    let runner = runner(stage)
    runner.wake()
    #expect(stage.stepped.wait(seconds: 20))
    while stage.stepped.tryWait() {}
    for _ in 0..<10 { runner.wake() }
    #expect(!stage.stepped.wait(seconds: 0.1))
    runner.wake(urgently: true)
    #expect(stage.stepped.wait(seconds: 20))
  }

  /// Many wake-ups during a rest cost one step at its end, however long the pause after it is.
  @Test func aRestCollectsWakeUps() {
    let stage = Stage([.after(3600, rest: 0.05)])
    let runner = runner(stage)
    runner.wake()
    #expect(stage.stepped.wait(seconds: 20))
    for _ in 0..<10 { runner.wake() }
    #expect(stage.stepped.wait(seconds: 20))
    #expect(!stage.stepped.wait(seconds: 0.1))
    #expect(stage.steps.load(ordering: .relaxed) == 2)
  }

  @Test func theGroupIsLeftAtTheEnd() {
    let stage = Stage([.ended])
    let group = DispatchGroup()
    let runner = runner(stage, group)
    let left = Semaphore()
    group.notify(queue: .global()) { left.signal() }
    #expect(!left.wait(seconds: 0.05))
    runner.wake()
    #expect(left.wait(seconds: 20))
    runner.wake(urgently: true)
    #expect(stage.steps.load(ordering: .relaxed) == 1)
  }
}
