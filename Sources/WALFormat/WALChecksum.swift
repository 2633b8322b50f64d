internal import Bytes

/// The two running sums that chain the frames of a log
/// (https://www.sqlite.org/fileformat2.html#checksum_algorithm).
package struct WALChecksum: Hashable, Sendable {
  package var first: UInt32
  package var second: UInt32

  package static let zero = WALChecksum(first: 0, second: 0)

  package init(first: UInt32, second: UInt32) {
    self.first = first
    self.second = second
  }

  /// Reads two big-endian words.
  package init(at index: Int, in bytes: [UInt8]) {
    first = bytes.bigEndian(at: index)
    second = bytes.bigEndian(at: index + 4)
  }

  /// Continues over bytes whose count is a multiple of 8.
  package mutating func update(_ bytes: [UInt8], _ range: Range<Int>, bigEndian: Bool) {
    (first, second) = Kernels.walSums(bytes, range, bigEndian: bigEndian, from: (first, second))
  }
}
