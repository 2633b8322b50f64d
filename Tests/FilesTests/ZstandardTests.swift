import Compression
import Testing

@Suite struct ZstandardTests {
  @Test func compressesIntoMemoryThatIsUsedAgain() throws {
    var frame: [UInt8] = []
    for size in [300_000, 0, 1, 1_000_000, 70_000] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
      Zstandard.compress(bytes, level: 1, into: &frame)
      #expect(try Zstandard.decompress(frame, 0..<frame.count, limit: size) == bytes)
      // The size of the content stands in the frame, as in those made at once
      // (https://datatracker.ietf.org/doc/html/rfc8878#name-frame_header_descriptor).
      #expect(frame[4] & 0b1110_0000 != 0)
      #expect(frame.count <= Zstandard.compress(bytes, level: 1).count * 101 / 100 + 64)
    }
  }
}
