internal import Bytes

/// The name of a generation: a sequence number and a random number, such as `00000001-5f3a9c21`.
///
/// Later generations have higher sequence numbers, independent of the clock. The random number
/// distinguishes two writers that start at the same time.
package struct GenerationID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let sequence: UInt32
  package let random: UInt32

  package init(sequence: UInt32, random: UInt32) {
    self.sequence = sequence
    self.random = random
  }

  /// The generation after `previous`; nil if no number is left.
  package init?(after previous: GenerationID?) {
    let last = previous?.sequence ?? 0
    guard last < Bounds.lastSequence else { return nil }
    self.init(sequence: last + 1, random: .random(in: 0...UInt32.max))
  }

  package init?(_ text: some StringProtocol) {
    let halves = text.split(separator: "-", omittingEmptySubsequences: false)
    guard halves.count == 2, let sequence = Hex.number(halves[0], of: UInt32.self),
      let random = Hex.number(halves[1], of: UInt32.self), sequence <= Bounds.lastSequence
    else { return nil }
    self.init(sequence: sequence, random: random)
  }

  package var description: String { Hex.fixed(sequence) + "-" + Hex.fixed(random) }

  package static func < (left: GenerationID, right: GenerationID) -> Bool {
    (left.sequence, left.random) < (right.sequence, right.random)
  }
}
