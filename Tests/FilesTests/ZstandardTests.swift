import Compression
import Testing

@Suite struct ZstandardTests {
  private static let frameSize = 128 << 10

  private static func content(_ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
  }

  @Test func compressesIntoMemoryThatIsUsedAgain() throws {
    var frames: [UInt8] = []
    for size in [300_000, 0, 1, 1_000_000, 70_000, Self.frameSize, Self.frameSize + 1] {
      let bytes = Self.content(size)
      Zstandard.compress(bytes, level: 1, frameSize: Self.frameSize, into: &frames)
      #expect(try Zstandard.decompress(frames, 0..<frames.count, limit: size) == bytes)
      // Each frame has the size of its content, as in frames that are made at once
      // (https://datatracker.ietf.org/doc/html/rfc8878#name-frame_header_descriptor).
      #expect(frames[4] & 0b1110_0000 != 0)
    }
  }

  /// A part of a base: frames of 128 KiB, each by itself.
  @Test func framesAreOfTheirSizeAndReadOneByOne() throws {
    let bytes = Self.content(5 * Self.frameSize / 2)
    var frames: [UInt8] = []
    Zstandard.compress(bytes, level: 1, frameSize: Self.frameSize, into: &frames)
    var expected: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: Self.frameSize) {
      let piece = Array(bytes[start..<min(start + Self.frameSize, bytes.count)])
      let frame = Zstandard.compress(piece, level: 1)
      let range = expected.count..<expected.count + frame.count
      #expect(try Zstandard.decompress(frames, range, limit: piece.count) == piece)
      expected += frame
    }
    #expect(frames.count == expected.count)
  }

  @Test(arguments: [1, 512, 4096, 65536, 128 << 10, (128 << 10) + 1, 700_000])
  func manyFramesReadBackInPieces(piece: Int) throws {
    let bytes = Self.content(700_000)
    var frames: [UInt8] = []
    Zstandard.compress(bytes, level: 1, frameSize: Self.frameSize, into: &frames)
    // The frames are within other bytes.
    let object = [1, 2, 3] + frames + [4, 5]
    let reader = try ZstandardReader(object, 3..<3 + frames.count)
    var read = [UInt8](repeating: 0, count: bytes.count + 1)
    // Small pieces are tried at the first end of a frame only.
    var at = piece < 512 ? Self.frameSize - 100 : 0
    if at > 0 { try reader.read(into: &read, at: 0, count: at) }
    let end = piece < 512 ? Self.frameSize + 100 : bytes.count
    while at < end {
      let count = min(piece, end - at)
      try reader.read(into: &read, at: at, count: count)
      at += count
    }
    #expect(read[..<end] == bytes[..<end])
    if end < bytes.count { try reader.read(into: &read, at: end, count: bytes.count - end) }
    #expect(read == bytes + [0])
    #expect(throws: CompressionError.self) { try reader.read(into: &read, at: 0, count: 1) }
  }

  @Test func framesThatAreCutShortOrDamagedAreRefused() throws {
    let bytes = Self.content(3 * Self.frameSize)
    var frames: [UInt8] = []
    Zstandard.compress(bytes, level: 1, frameSize: Self.frameSize, into: &frames)
    var target = [UInt8](repeating: 0, count: bytes.count)
    for cut in [1, 4, 1000, frames.count / 3, frames.count / 2, frames.count - 1] {
      let reader = try ZstandardReader(frames, 0..<cut)
      #expect(throws: CompressionError.self, "\(cut)") {
        try reader.read(into: &target, at: 0, count: bytes.count)
      }
    }
    var damaged = frames
    let second = frames.count / 3 + 100
    damaged.replaceSubrange(second..<second + 4, with: [0, 0, 0, 0])
    let reader = try ZstandardReader(damaged, 0..<damaged.count)
    let outcome = Result { try reader.read(into: &target, at: 0, count: bytes.count) }
    // Such a frame has no checksum: its content may be wrong, which the part's digest shows.
    if case .success = outcome { #expect(target != bytes) }
    #expect(throws: CompressionError.self) { try ZstandardReader(frames, 0..<frames.count + 1) }
  }
}
