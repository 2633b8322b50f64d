import Foundation
import Synchronization
import TestSupport

/// Runs of many histories.
struct Trial: Sendable {
  var settings = World.Settings()
  /// Whether a failed history is repeated with shorter scripts.
  var shrinks = true

  /// A failed history, as short as possible.
  struct Finding: Sendable, CustomStringConvertible {
    let seed: UInt64
    /// Histories until it was found.
    let count: Int
    let failure: World.Failure
    let script: [Int]
    let story: [String]

    /// At most 40 lines.
    var description: String {
      let most = 36
      let lines =
        story.count <= most ? story : Array(story[..<4]) + ["…"] + story[(story.count - most + 5)...]
      return (["seed \(seed): \(failure)"] + lines.map { String($0.prefix(160)) } + ["script \(script)"])
        .joined(separator: "\n")
    }
  }

  /// Runs histories from a seed on; returns the first failed one.
  ///
  /// `progress` is called from time to time.
  func run(from seed: UInt64, count: Int, chunk: Int = 64, progress: (Int) -> Void = { _ in }) -> Finding? {
    var done = 0
    while done < count {
      let size = min(chunk, count - done)
      let first = seed &+ UInt64(done)
      let failed = Mutex<Int?>(nil)
      DispatchQueue.concurrentPerform(iterations: size) { index in
        guard failed.withLock({ $0.map { index < $0 } ?? true }) else { return }
        let history = History(Choices(seed: first &+ UInt64(index)), settings)
        if history.run() != nil { failed.withLock { $0 = min($0 ?? index, index) } }
      }
      if let index = failed.withLock({ $0 }) { return shrunk(first &+ UInt64(index), done + index + 1) }
      done += size
      progress(done)
    }
    return nil
  }

  private func shrunk(_ seed: UInt64, _ count: Int) -> Finding? {
    let choices = Choices(seed: seed)
    let first = History(choices, settings)
    guard let failure = first.run() else {
      return Finding(
        seed: seed, count: count, failure: World.Failure(kind: "not repeatable", text: "it fails once only"),
        script: choices.made, story: first.world.story)
    }
    let script = Choices.shrink(choices.made, attempts: shrinks ? 600 : 0) { script in
      History(Choices(script: script), settings).run()?.kind == failure.kind
    }
    let last = History(Choices(script: script), settings)
    let found = last.run() ?? failure
    return Finding(seed: seed, count: count, failure: found, script: script, story: last.world.story)
  }

  /// Whether all tests run, or the stories of broken rules are printed.
  static var printsStories: Bool {
    let environment = ProcessInfo.processInfo.environment
    return environment["SQLITE3_CLOUD_S3_TEST_ALL"] != nil
      || environment["SQLITE3_CLOUD_S3_TEST_STORY"] != nil
  }

  /// The first seed: always the same, unless `SQLITE3_CLOUD_S3_TEST_SEED` names another, or all
  /// tests run.
  static var seed: UInt64 {
    let environment = ProcessInfo.processInfo.environment
    let isFixed =
      environment["SQLITE3_CLOUD_S3_TEST_SEED"] == nil && environment["SQLITE3_CLOUD_S3_TEST_ALL"] == nil
    return isFixed ? 0 : Seeded().seed
  }
}
