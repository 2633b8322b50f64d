import Foundation
import TestSupport
import Testing

/// Histories of several sessions on one replica.
@Suite struct SimulationTests {
  @Test func one() {
    let from = UInt64(ProcessInfo.processInfo.environment["SEED"] ?? "") ?? 0
    let count = UInt64(ProcessInfo.processInfo.environment["COUNT"] ?? "") ?? 100
    var settings = World.Settings()
    settings.broken = ProcessInfo.processInfo.environment["BROKEN"].flatMap { BrokenRule(rawValue: $0) }
    let began = Date()
    var kinds: [String: Int] = [:]
    for seed in from..<from + count {
      let choices = Choices(seed: seed)
      let history = History(choices, settings)
      if let failure = history.run() {
        kinds[failure.kind, default: 0] += 1
        if ProcessInfo.processInfo.environment["STOP"] != nil, kinds.values.reduce(0, +) > 1 { break }
        if kinds.values.reduce(0, +) <= 3 {
          print("seed \(seed): \(failure) after \(choices.made.count) choices")
          print(history.world.story.joined(separator: "\n"))
        }
      } else if count == 1 { print(history.world.story.joined(separator: "\n")) }
    }
    print("\(count) histories in \(Date().timeIntervalSince(began)) s: \(kinds)")
  }
}
