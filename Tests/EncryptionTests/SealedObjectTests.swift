import Digest
import Encryption
import Testing

@Suite struct SealedObjectTests {
  static let sizes = [0, 1, 15, 65_535, 65_536, 65_537, 131_072, 200_000]
  static let key = makeKey(7)
  static let other = makeKey(8)

  private static func makeKey(_ byte: UInt8) -> EncryptionKey {
    guard let key = EncryptionKey([UInt8](repeating: byte, count: 32)) else { preconditionFailure() }
    return key
  }
  private let salt = (0..<32).map { UInt8($0) }

  static func content(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
  }

  private func seal(_ content: [UInt8], _ name: String = "a/b") -> [UInt8] {
    SealedObject.seal(content, name: name, key: Self.key, salt: salt)
  }

  @Test(arguments: sizes) func opensWhatItSealed(_ size: Int) {
    let content = Self.content(size)
    let sealed = seal(content)
    #expect(sealed.count == SealedObject.sealedSize(of: size))
    #expect(sealed.count == 56 + size + 16 * max(1, (size + 65_535) / 65_536))
    #expect(SealedObject.contentSize(ofSealed: sealed.count) == size)
    #expect(SealedObject.open(sealed, name: "a/b", key: Self.key) == content)
    #expect(SealedObject.Header(sealed)?.keyID == Self.key.id)
    #expect(SealedObject.Header(sealed)?.length == size)
  }

  /// Fixed bytes, made by another program from Docs/Format.md, so that every change of the format
  /// is noticed.
  @Test func isAsDocumented() {
    #expect(
      hex(seal(Array("hello".utf8)))
        == "53514c4353334531a63bce3d3ca1c2ee000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
        + "1c1d1e1f0500000000000000f4dcd9a382fed3884ad525ec5a3b742a55e03921f9")
    let long = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
    #expect(hex(sha256(seal(long))) == "7863717a7c13a9599cc1d354268abc5d7bdaa305ee3de94c2c64b03df1808057")
  }

  @Test func noticesAnyBitThatChanged() {
    let sealed = seal(Array("hello, world".utf8))
    for index in sealed.indices {
      for bit in 0..<8 {
        var altered = sealed
        altered[index] ^= 1 << UInt8(bit)
        #expect(SealedObject.open(altered, name: "a/b", key: Self.key) == nil, "byte \(index), bit \(bit)")
      }
    }
  }

  @Test func noticesAChangeInEveryChunk() {
    let sealed = seal(Self.content(200_000))
    for index in stride(from: 0, to: sealed.count, by: 997) {
      var altered = sealed
      altered[index] ^= 1
      #expect(SealedObject.open(altered, name: "a/b", key: Self.key) == nil, "byte \(index)")
    }
  }

  @Test func noticesTruncationAlsoAtBordersOfChunks() {
    let chunk = 65_536 + 16
    let sealed = seal(Self.content(3 * 65_536))
    for count in [0, 1, 55, 56, 56 + chunk, 56 + 2 * chunk, sealed.count - 1] {
      #expect(SealedObject.open(Array(sealed[..<count]), name: "a/b", key: Self.key) == nil, "\(count)")
      // A matching length in the header does not help.
      guard count >= 56 else { continue }
      var fitting = Array(sealed[..<count])
      for byte in 0..<8 {
        fitting[48 + byte] = UInt8(truncatingIfNeeded: max(0, count - 56) / chunk * 65_536 >> (8 * byte))
      }
      #expect(SealedObject.open(fitting, name: "a/b", key: Self.key) == nil, "\(count)")
    }
    #expect(SealedObject.open(sealed + [0], name: "a/b", key: Self.key) == nil)
    var swapped = sealed
    swapped.replaceSubrange(56..<56 + chunk, with: sealed[(56 + chunk)..<(56 + 2 * chunk)])
    swapped.replaceSubrange(56 + chunk..<56 + 2 * chunk, with: sealed[56..<56 + chunk])
    #expect(SealedObject.open(swapped, name: "a/b", key: Self.key) == nil)
  }

  @Test func noticesAnotherNameAndAnotherKey() {
    let sealed = seal(Array("hello".utf8))
    for name in ["a/c", "a/", "", "a/bb"] {
      #expect(SealedObject.open(sealed, name: name, key: Self.key) == nil)
    }
    #expect(SealedObject.open(sealed, name: "a/b", key: Self.other) == nil)
    // Nor does another key under the identifier of this one.
    var relabelled = SealedObject.seal(Array("hello".utf8), name: "a/b", key: Self.other, salt: salt)
    relabelled.replaceSubrange(8..<16, with: sealed[8..<16])
    #expect(SealedObject.open(relabelled, name: "a/b", key: Self.key) == nil)
  }

  @Test func reportsSizesThatCannotBe() {
    for size in [0, 55, 56, 71, 56 + 65_536 + 16 + 1, 56 + 65_536 + 16 + 16] {
      #expect(SealedObject.contentSize(ofSealed: size) == nil, "\(size)")
    }
    #expect(SealedObject.contentSize(ofSealed: 72) == 0)
  }
}
