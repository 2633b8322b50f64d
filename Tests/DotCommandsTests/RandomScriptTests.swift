import Foundation
import TestSupport
import Testing

/// Scripts of pieces that quote, comment and end each other in every order.
@Suite struct RandomScriptTests {
  private static let pieces = [
    "select 1", ";", ";\n", "'", "\"", "/*", "*/", "--", "\n", "\n", "\n", " ", "create", "trigger", "begin",
    "end",
    "explain", "temp", " as x", "go", "\ngo\n", "\n/\n", "\n.print x\n", "[", "]", "`", "#", "\n#c\n", "/",
    "-",
    "select 2;\n", "create temp trigger", "\r\n", "\t", "END;", "x'00'", "select 'a;b'", "\n.", "é",
  ]

  /// A small generator, so that a seed gives the same script everywhere.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ (state >> 33)) &* 0xff51_afd7_ed55_8ccd
    }
  }

  @Test(arguments: 1...60) func splitsAsSQLite3(_ seed: Int) throws {
    var generator = Generator(state: UInt64(seed) &* 7919)
    var script = seed % 3 == 0 ? ".echo on\n" : ""
    for _ in 0..<Int.random(in: 3...150, using: &generator) {
      script += Self.pieces.randomElement(using: &generator) ?? ""
      if Bool.random(using: &generator) { script += " " }
    }
    let (expected, actual) = try Oracle.compare([":memory:"], input: Data(script.utf8))
    #expect(expected == actual, "seed \(seed):\n\(script)\(Oracle.difference(expected, actual))")
  }
}
