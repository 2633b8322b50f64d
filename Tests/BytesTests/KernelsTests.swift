import Bytes
import Testing

/// Wide registers give the same results as one word after the other.
@Suite struct KernelsTests {
  private func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255) } }

  @Test(arguments: [0, 8, 16, 1016, 1024, 1032, 2048, 4096, 4104, 65536, 65544])
  func sumsOfTheLogAreThoseOfItsDefinition(count: Int) {
    for offset in [0, 1, 24] {
      let bytes = random(offset + count)
      let start = (UInt32.random(in: 0...UInt32.max), UInt32.random(in: 0...UInt32.max))
      for bigEndian in [false, true] {
        var (first, second) = start
        for at in stride(from: offset, to: offset + count, by: 8) {
          let a = UInt32(littleEndian: bytes.loadWord(at))
          let b = UInt32(littleEndian: bytes.loadWord(at + 4))
          first &+= (bigEndian ? a.byteSwapped : a) &+ second
          second &+= (bigEndian ? b.byteSwapped : b) &+ first
        }
        let sums = Kernels.walSums(bytes, offset..<offset + count, bigEndian: bigEndian, from: start)
        #expect(sums == (first, second))
      }
    }
  }

  @Test(arguments: [0, 3, 240, 241, 1024, 1025, 4096, 65536])
  func theHashOfAllIsThatOfPieces(count: Int) {
    let bytes = random(count)
    var pieces = Hash128Stream()
    for start in stride(from: 0, to: count, by: 100) {
      pieces.add(Array(bytes[start..<min(start + 100, count)]))
    }
    #expect(Hash128(bytes, 0..<count) == pieces.value)
  }

  /// Vectors of the reference implementation.
  @Test func hashesAsItIsDefined() {
    #expect(Hash128([], 0..<0).description == "99aa06d3014798d86001c324468d497f")
    let bytes = [UInt8](repeating: 0, count: 4096)
    #expect(Hash128(bytes, 0..<4096, seed: 1) != Hash128(bytes, 0..<4096, seed: 2))
  }
}

extension [UInt8] {
  fileprivate func loadWord(_ at: Int) -> UInt32 {
    UInt32(self[at]) | UInt32(self[at + 1]) << 8 | UInt32(self[at + 2]) << 16 | UInt32(self[at + 3]) << 24
  }
}
