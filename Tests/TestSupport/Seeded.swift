import Foundation

/// Random numbers that a seed repeats: SplitMix64.
///
/// `SQLITE3_CLOUD_S3_TEST_SEED` sets the seed. Tests print it when they fail.
package struct Seeded: RandomNumberGenerator {
  package let seed: UInt64
  private var state: UInt64

  package init() {
    let chosen = ProcessInfo.processInfo.environment["SQLITE3_CLOUD_S3_TEST_SEED"].flatMap { UInt64($0) }
    seed = chosen ?? UInt64.random(in: 0...UInt64(UInt32.max))
    state = seed
  }

  /// The numbers of one seed, independent of the environment.
  package init(_ seed: UInt64) {
    self.seed = seed
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Returns the number of rounds; `make test-all` runs more.
  package static func rounds(_ few: Int, _ many: Int) -> Int {
    ProcessInfo.processInfo.environment["SQLITE3_CLOUD_S3_TEST_ALL"] == nil ? few : many
  }
}
