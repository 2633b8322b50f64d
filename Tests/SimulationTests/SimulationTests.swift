import Foundation
import TestSupport
import Testing

/// Sessions on one replica that run the protocol's own code, one thread at a time, in an order from
/// a seed.
@Suite(.serialized) struct SimulationTests {
  private static let budget = 5000

  @Test func keepsTheInvariants() {
    let count = Seeded.rounds(2000, 200_000)
    let seed = Trial.seed
    let finding = Trial().run(from: seed, count: count) { done in
      if done % 8192 == 0 { print("\(done) of \(count) histories from seed \(seed)") }
    }
    #expect(finding == nil, "\(finding?.description ?? "")")
  }

  @Test(arguments: BrokenRule.allCases)
  func findsABrokenRule(_ rule: BrokenRule) throws {
    var trial = Trial()
    trial.settings.broken = rule
    trial.shrinks = Trial.printsStories
    let finding = try #require(
      trial.run(from: Trial.seed, count: Self.budget), "\(Self.budget) histories do not show \(rule.rawValue)"
    )
    #expect(finding.failure.kind != "not repeatable", "\(finding)")
    if Trial.printsStories { print("\(rule.rawValue) after \(finding.count) histories\n\(finding)") }
  }

  /// A store that ignores conditions protects nothing; every session that counts something has
  /// noticed that.
  @Test func noticesAStoreWithoutConditions() {
    var trial = Trial()
    trial.settings.ignoresConditions = true
    let finding = trial.run(from: Trial.seed, count: Seeded.rounds(300, 20_000))
    #expect(finding == nil, "\(finding?.description ?? "")")
  }

  /// The same with a broken rule, under which merged objects of the same transactions can differ.
  @Test(arguments: [nil, BrokenRule.mergesEarly]) func aHistoryRepeats(_ rule: BrokenRule?) {
    var settings = World.Settings()
    settings.broken = rule
    for seed in Trial.seed..<Trial.seed + 100 {
      let choices = Choices(seed: seed)
      let first = History(choices, settings)
      _ = first.run()
      let second = History(Choices(script: choices.made), settings)
      _ = second.run()
      #expect(first.world.story == second.world.story, "seed \(seed)")
    }
  }
}
