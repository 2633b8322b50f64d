import TestSupport

/// The decisions of one history: drawn from a seed, or repeated from a script.
///
/// Zero is always the decision with the smallest effect: no fault, no switch to another task. A
/// shortened script continues with zeros, so every script is a history, and a shorter or smaller
/// script is a simpler one.
final class Choices: @unchecked Sendable {
  private(set) var made: [Int] = []
  private let script: [Int]?
  private var random: SplitMix

  init(seed: UInt64) {
    script = nil
    random = SplitMix(state: seed)
  }

  init(script: [Int]) {
    self.script = script
    random = SplitMix(state: 0)
  }

  /// Returns a number below `count`.
  func pick(_ count: Int) -> Int {
    guard count > 1 else { return 0 }
    return decide(count) { Int($0 % UInt64(count)) }
  }

  /// Returns true with a chance of `permille` in a thousand.
  func chance(_ permille: Int) -> Bool {
    guard permille > 0 else { return false }
    return decide(2) { Int($0 % 1000) < permille ? 1 : 0 } == 1
  }

  /// Returns 1, 2, … with these chances in a thousand, and 0 otherwise.
  func weighted(_ permille: [Int]) -> Int {
    decide(permille.count + 1) { random in
      var left = Int(random % 1000)
      for (index, weight) in permille.enumerated() {
        if left < weight { return index + 1 }
        left -= weight
      }
      return 0
    }
  }

  private func decide(_ count: Int, _ draw: (UInt64) -> Int) -> Int {
    let choice: Int
    if let script {
      choice = made.count < script.count ? min(script[made.count], count - 1) : 0
    } else {
      choice = draw(random.next() >> 11)
    }
    made.append(choice)
    return choice
  }

  /// Makes a script shorter and smaller as long as `fails` is true for it.
  ///
  /// Each attempt repeats the history. It ends after `attempts` attempts.
  static func shrink(_ script: [Int], attempts: Int, fails: ([Int]) -> Bool) -> [Int] {
    var best = script
    var left = attempts
    func improves(_ candidate: [Int]) -> Bool {
      left -= 1
      guard left >= 0, fails(candidate) else { return false }
      best = candidate
      return true
    }
    var size = max(best.count / 2, 1)
    while left > 0 {
      let before = best
      var end = best.count
      while end > 0, left > 0 {
        let start = max(end - size, 0)
        let cut = Array(best[..<start] + best[min(end, best.count)...])
        if !improves(cut), best[start..<min(end, best.count)].contains(where: { $0 != 0 }) {
          var zeros = best
          for index in start..<min(end, best.count) { zeros[index] = 0 }
          _ = improves(zeros)
        }
        end = min(start, best.count)
      }
      if size > 1 { size /= 2 } else if best == before { break }
    }
    while best.last == 0 { best.removeLast() }
    return best
  }
}

/// Random numbers that a seed repeats.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
