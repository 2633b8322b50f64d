import ParserTargets
import TestSupport
import Testing

/// No parser of outside bytes crashes on inputs that are nearly right.
///
/// `Tests/Fuzz/parsers.sh` runs more of them.
@Suite struct ParserMutationTests {
  private static let rounds = 3000

  @Test(arguments: ParserTarget.allCases)
  func survivesWhatIsNearlyRight(target: ParserTarget) {
    var random = Seeded()
    let seeds = target.seeds
    for seed in seeds { target.run(seed) }
    for _ in 0..<Self.rounds {
      var bytes = seeds.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&bytes, &random) }
      target.run(bytes)
    }
  }

  /// Values at which arithmetic overflows.
  private static let edges: [[UInt8]] = [
    Array("18446744073709551615".utf8), Array("-9223372036854775808".utf8), Array("9223372036854775807".utf8),
    Array("ffffffffffffffff".utf8), Array("0000000000000000".utf8), Array("ffffffff".utf8),
    [UInt8](repeating: 0xff, count: 8), [UInt8](repeating: 0, count: 8), [0x80, 0, 0, 0, 0, 0, 0, 0],
    [0x7f] + [UInt8](repeating: 0xff, count: 7), [UInt8](repeating: 0xff, count: 9) + [1],
  ]

  private static func mutate(_ bytes: inout [UInt8], _ random: inout Seeded) {
    guard !bytes.isEmpty else { return bytes = edges.randomElement(using: &random) ?? [] }
    let at = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
    case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: at)
    default:
      let edge = edges.randomElement(using: &random) ?? []
      bytes.replaceSubrange(at..<min(bytes.count, at + edge.count), with: edge)
    }
  }
}
